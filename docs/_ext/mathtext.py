"""Formulas drawn as SVG by matplotlib when the site is built: a reader needs no network, and no script."""

from html import escape
from typing import Any

from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sphinx.application import Sphinx

SIZE = 10
_PEN = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


def draw(tex: str) -> str:
    """Return a formula as an SVG element, as large as the text around it and of its colour."""
    source = f"${' '.join(tex.split())}$"
    font = FontProperties(size=SIZE, math_fontfamily="cm")
    width, height, depth, *_ = MathTextParser("path").parse(source, dpi=72, prop=font)
    steps = []
    for points, code in TextPath((0, 0), source, prop=font).iter_segments(curves=True, simplify=False):
        flat = " ".join(f"{p:.2f}" if i % 2 == 0 else f"{-p:.2f}" for i, p in enumerate(points))
        steps.append("Z" if code == Path.CLOSEPOLY else f"{_PEN[code]}{flat}")
    box = f"-0.5 {-height - 0.5:.2f} {width + 1:.2f} {height + depth + 1:.2f}"
    style = f"height:{(height + depth + 1) / SIZE * 1.1:.3f}em;vertical-align:{-(depth + 0.5) / SIZE * 1.1:.3f}em"
    return (
        f'<svg role="img" aria-label="{escape(tex, quote=True)}" viewBox="{box}" style="{style}" fill="currentColor">'
        f'<path d="{"".join(steps)}"/></svg>'
    )


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(draw(node.astext()))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    # Blank lines part formulas that stand below each other.
    for tex in filter(str.strip, node.astext().split("\n\n")):
        translator.body.append(f'<p class="formula">{draw(tex)}</p>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer."""
    app.add_html_math_renderer("mathtext", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
