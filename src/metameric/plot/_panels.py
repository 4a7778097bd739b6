"""Several panels side by side."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from metameric._core.errors import InputError
from metameric.plot._axes import split
from metameric.plot._drawn import Drawn, draw_panel
from metameric.plot._pixels import new_figure

_LABELS = 75
"""Pixels that ticks and label of a vertical axis take."""


def draw_panels(panels: Sequence[Any], ax: Axes | Sequence[Axes], **kwargs: Any) -> list[Drawn]:
    """Draw panels into axes: divided side by side if there are several panels for one, one each for a list."""
    if not panels:
        raise InputError("There is no panel to draw.")
    if isinstance(ax, Axes):
        all_axes = [ax] if len(panels) == 1 else split(ax, 1, len(panels), {"wspace": _room_between(ax, len(panels))})
    else:
        all_axes = list(ax)
    if len(all_axes) != len(panels):
        raise InputError(f"{len(all_axes)} axes for {len(panels)} panels; give one for each, or one to divide.")
    return [draw_panel(panel, axes, **kwargs) for panel, axes in zip(panels, all_axes, strict=True)]


def _room_between(ax: Axes, n: int) -> float:
    """Space between panels, in widths of one, in which the labels of an axis have room."""
    width = ax.get_window_extent().width
    return max(0.35, n * _LABELS / max(width - (n - 1) * _LABELS, _LABELS))


def draw_panels_within(
    panels: Sequence[Any], ax: Axes | None, figsize: tuple[int | float, int | float] | None, title: str = ""
) -> list[Axes]:
    """Draw a model's own panels into axes or a new figure, and return all axes that hold them."""
    if ax is None:
        width, height = (100 * v for v in figsize) if figsize else (400 * len(panels), 400)
        ax = new_figure(width, height).add_subplot()
        ax.set_position((0.12, 0.12, 0.83, 0.74))
    drawn = draw_panels(panels, ax)
    if title:
        drawn[0].axes[0].figure.suptitle(title, fontsize=10)
    return [axes for d in drawn for axes in d.axes]
