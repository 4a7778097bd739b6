"""Long names may break after a dot, a slash, an underscore and before a capital, nowhere else.

In tables, in titles and in the list of pages beside them.
"""

import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_BREAKS = re.compile(r"(?<=[._/:])(?![._/:])|(?<=[a-z0-9])(?=[A-Z])")
_LINK = re.compile(r">([\w.]{12,})</a>")


def allow_breaks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let browsers break names: `<wbr>` is not copied with the text, as a zero-width space would be."""
    if app.builder.format != "html":
        return
    for table in doctree.findall(nodes.table):
        for literal in table.findall(nodes.literal):
            _break(literal)
    for title in doctree.findall(nodes.title):
        if " " not in title.astext():
            _break(title)


def _break(element: nodes.TextElement) -> None:
    name = element.astext()
    if len(name) < 12 or any(not isinstance(child, nodes.Text) for child in element.children):
        return
    element.children.clear()
    for i, part in enumerate(p for p in _BREAKS.split(name) if p):
        if i:
            element += nodes.raw("", "<wbr>", format="html")
        element += nodes.Text(part)


def allow_breaks_beside(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the names in the theme's list of pages break likewise."""
    made: Callable[..., Any] | None = context.get("generate_toctree_html")

    def broken(*args: Any, **kwargs: Any) -> Any:
        html = made(*args, **kwargs)
        return _LINK.sub(lambda link: f">{_BREAKS.sub('<wbr>', link[1])}</a>", html) if isinstance(html, str) else html

    if made is not None:
        context["generate_toctree_html"] = broken


def setup(app: Sphinx) -> dict[str, bool]:
    """Run when references are resolved, so that links have their text, and after the theme has made its list."""
    app.connect("doctree-resolved", allow_breaks)
    app.connect("html-page-context", allow_breaks_beside, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
