"""Draw single pictures into axes, and lay out grids of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from metameric._core.panels import Real
from metameric.plot._pictures import Picture, color_map
from metameric.plot._pixels import block_mean, new_figure, place, shown_size
from metameric.plot._quick import show_pixels
from metameric.plot._ranges import Range

FONT_SIZE = 9
_LINE = 16
_CHARACTER = 7
_GAP = 12


def caption(title: str | None, picture: Picture, vrange: Range, zoom: Real) -> str:
    """Title, range and size with zoom, one line each; empty for a title of ``None``."""
    if title is None:
        return ""
    low, high = (f"{v:.3g}" for v in vrange)
    size = f"{picture.shape[0]} × {picture.shape[1]}, zoom {_fraction(zoom)}"
    lines = [title, f"range [{low}, {high}]{_clipped(picture, vrange)}", size]
    return "\n".join(line for line in lines if line)


def _fraction(zoom: Real) -> str:
    return f"{zoom:g}" if zoom >= 1 else f"1/{round(1 / zoom)}"


def _clipped(picture: Picture, vrange: Range) -> str:
    # Colour images cannot be given another range, so say how much of them is out of it.
    if not picture.is_rgb:
        return ""
    share = float(np.mean((picture.frames < vrange[0]) | (picture.frames > vrange[1])))
    return f" ({share:.0%} clipped)" if share >= 0.005 else ""


def shown_pixels(picture: Picture, frame: int, vrange: Range, zoom: Real) -> np.ndarray:
    """Values of one frame as matplotlib takes them: blocks averaged, colours within their range."""
    pixels = block_mean(picture.frames[frame], zoom)
    if not picture.is_rgb:
        return pixels
    low, high = vrange
    return np.nan_to_num((np.clip(pixels, low, high) - low) / (high - low))


def draw_picture(
    axes: Axes, picture: Picture, vrange: Range, zoom: Real, title: str | None, cmap: Any, **kwargs: Any
) -> AxesImage:
    """Show the first frame of a picture; the axes must already have its size."""
    colors = {} if picture.is_rgb else {"cmap": cmap}
    artist = show_pixels(axes, shown_pixels(picture, 0, vrange, zoom), *vrange, **{**colors, **kwargs})
    axes.set_axis_off()
    text = caption(title, picture, vrange, zoom)
    if text:
        # A given height spares matplotlib the search for a free one, the dearest part of drawing.
        axes.set_title(text, fontsize=FONT_SIZE, pad=5, y=1.0)
    return artist


def cells_of(n: int, n_columns: int) -> list[tuple[int, int]]:
    """Row and column of each of `n` pictures, row by row."""
    return [divmod(i, n_columns) for i in range(n)]


def grid_of_axes(
    sizes: Sequence[tuple[int, int]], captions: Sequence[str], cells: Sequence[tuple[int, int]]
) -> tuple[Figure, list[Axes]]:
    """Return a figure with axes of exactly these sizes, each column and row as large as its largest member.

    Columns are as wide as their captions need, so that neighbours' captions do not overlap.
    """
    n_rows, n_columns = (1 + max(cell[i] for cell in cells) for i in (0, 1))
    widths, heights, headrooms = [1] * n_columns, [1] * n_rows, [0] * n_rows
    for (row, column), size, text in zip(cells, sizes, captions, strict=True):
        lines = text.split("\n") if text else []
        widths[column] = max(widths[column], size[1], *(_CHARACTER * len(line) for line in lines))
        heights[row] = max(heights[row], size[0])
        headrooms[row] = max(headrooms[row], _LINE * len(lines) + (8 if lines else 0))
    total_width = sum(widths) + _GAP * (n_columns + 1)
    total_height = sum(heights) + sum(headrooms) + _GAP * (n_rows + 1)
    figure = new_figure(total_width, total_height)
    all_axes = []
    for i, ((row, column), size) in enumerate(zip(cells, sizes, strict=True)):
        left = _GAP * (column + 1) + sum(widths[:column]) + (widths[column] - size[1]) // 2
        top = total_height - _GAP * (row + 1) - sum(heights[:row]) - sum(headrooms[: row + 1])
        axes = figure.add_axes((0, 0, 1, 1), label=f"picture {i}")
        place(axes, left, top - size[0], size)
        all_axes.append(axes)
    return figure, all_axes


def sizes_of(found: Sequence[Picture], zooms: Sequence[Real]) -> list[tuple[int, int]]:
    """Rows and columns of figure pixels of each picture."""
    return [shown_size(p.shape, z) for p, z in zip(found, zooms, strict=True)]


def map_for(picture: Picture, vrange: Any, cmap: Any) -> Any:
    """Return the user's colour map, or the one that suits the picture."""
    return color_map(picture, vrange) if cmap is None else cmap
