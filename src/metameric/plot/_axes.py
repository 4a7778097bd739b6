"""Small helpers on axes: where to draw, plain frames, limits."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase
from matplotlib.ticker import MaxNLocator

from metameric._core.panels import Real
from metameric.plot._canvas import FONT_SIZE
from metameric.plot._colors import MUTED

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Limits = tuple[Real, Real] | bool | None


def current_axes(ax: Axes | None) -> Axes:
    """Return the given axes, or pyplot's current ones."""
    return plt.gca() if ax is None else ax


def plain(ax: Axes, title: str | None = None, xlabel: str = "", ylabel: str = "") -> None:
    """Drop the upper and right frame, and write title and labels in the sizes of all our figures."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(labelsize=FONT_SIZE - 1, color=MUTED, length=3)
    if title is not None:
        ax.set_title(title, fontsize=FONT_SIZE, pad=5, y=1.0)
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=FONT_SIZE)
    if ylabel:
        ax.set_ylabel(ylabel, fontsize=FONT_SIZE)


def split(
    ax: Axes,
    n_rows: int,
    n_columns: int,
    gridspec_kwargs: Mapping[str, Any] | None = None,
    sharey: bool = False,
    gaps: tuple[Real, Real] | None = None,
) -> list[Axes]:
    """Hide axes and put a grid of new ones where they were, row by row; `gaps` are pixels between columns and rows."""
    ax.set_axis_off()
    ax.set_title("")
    spec = ax.get_subplotspec()
    figure: Figure = ax.figure  # type: ignore[assignment]
    if gaps is not None:
        room = ax.get_position(original=True).transformed(figure.transSubfigure)
        shares = (_share(room.width, n_columns, gaps[0]), _share(room.height, n_rows, gaps[1]))
        gridspec_kwargs = {"wspace": shares[0], "hspace": shares[1], **dict(gridspec_kwargs or {})}
    grid: GridSpecBase
    if spec is None:
        left, bottom, right, top = ax.get_position(original=True).extents
        grid = figure.add_gridspec(
            n_rows, n_columns, left=left, bottom=bottom, right=right, top=top, **dict(gridspec_kwargs or {})
        )
    else:
        grid = spec.subgridspec(n_rows, n_columns, **dict(gridspec_kwargs or {}))
    made: list[Axes] = []
    for i in range(n_rows * n_columns):
        made.append(figure.add_subplot(grid[divmod(i, n_columns)], sharey=made[0] if sharey and made else None))
    return made


def _share(room: Real, n: int, gap: Real) -> float:
    """A gap in pixels as a share of the `n` lengths that are left; lengths do not fall below half of their gap."""
    return gap / max((room - (n - 1) * gap) / n, gap / 2)


def whole_ticks(ax: Axes, most: int | None = None) -> None:
    """Ticks of the horizontal axis at round whole numbers, since iterations and entries are counted."""
    ax.xaxis.set_major_locator(
        MaxNLocator("auto" if most is None else most, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )


def power_of_ten(value: float, _: float | None = None) -> str:
    """Write 10⁻³ and 2×10⁻³ as matplotlib does, without the detour through its typesetter of formulas."""
    if value <= 0:
        return ""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    factor = round(value / 10.0**exponent)
    return f"{factor}×10" * (factor != 1) + "10" * (factor == 1) + f"{exponent}".translate(_SUPERSCRIPTS)


def symmetric_limits(values: Sequence[np.ndarray]) -> tuple[Real, Real]:
    """Limits symmetric about zero that hold all finite values, with a margin."""
    top = max((float(np.abs(v[np.isfinite(v)]).max(initial=0)) for v in values), default=0.0)
    top = 1.05 * top or 1.0
    return -top, top
