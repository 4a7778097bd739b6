"""Contact sheets: many stimuli on one page."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real, ValueRange
from metameric.plot._canvas import FONT_SIZE, map_for, shown_pixels, sizes_of
from metameric.plot._pictures import Picture, pictures, ranges
from metameric.plot._pixels import WIDE, check_zoom, new_figure, place, zoom_to_fit

_GAP, _LABEL = 6, 15


def contact_sheet(
    images: Tensor | Sequence[Tensor],
    labels: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    vrange: ValueRange = "auto1",
    zoom: Real | None = None,
    title: str = "",
    as_rgb: bool = False,
) -> Figure:
    """Lay out many stimuli on one sheet, over one range of values, each value a whole number of pixels.

    Parameters
    ----------
    images
        Images (batch, channel, height, width), or a list of such tensors.
    labels
        A few words below each image.
    columns
        Images per row; by default as many as make the sheet about square.
    vrange, zoom, as_rgb
        As in `imshow`; by default images take about 128 pixels, or one for each of their own if the sheet allows.
    title
        Title of the sheet, to which range and zoom are added.

    Raises
    ------
    InputError
        If there are not as many labels as images.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> figure = mm.plot.contact_sheet(torch.rand(7, 1, 16, 16), labels=[f"seed {i}" for i in range(7)])
    """
    tensors = [images] if isinstance(images, Tensor) else list(images)
    found = pictures(tensors, 4, None, None, as_rgb, "rectangular")
    if labels is not None and len(labels) != len(found):
        raise InputError(f"{len(labels)} labels for {len(found)} images; give one for each.")
    limits = ranges(found, vrange)
    largest = (max(p.shape[0] for p in found), max(p.shape[1] for p in found))
    n_columns = min(columns or math.ceil(math.sqrt(len(found))), len(found))
    scale = _usual_zoom(largest, n_columns) if zoom is None else check_zoom(zoom)
    sizes = sizes_of(found, [scale] * len(found))
    cell = (max(s[0] for s in sizes), max(s[1] for s in sizes))
    sheet = _sheet(found, sizes, limits, vrange, scale, n_columns, cell, labels is not None)
    head, heading = 26, _heading(title, limits, scale)
    # Wide enough for its heading.
    figure = new_figure(max(sheet.shape[1], 7 * len(heading) + 20), sheet.shape[0] + head)
    ax = figure.add_axes((0, 0, 1, 1))
    place(ax, 0, 0, sheet.shape[:2])
    ax.imshow(sheet, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for i, label in enumerate(labels or ()):
        row, column = divmod(i, n_columns)
        x = _GAP + column * (cell[1] + _GAP) + cell[1] / 2
        y = _GAP + row * (cell[0] + _GAP + _LABEL) + cell[0] + 2
        ax.text(x, y, label, ha="center", va="top", fontsize=FONT_SIZE - 1, color="#222222")
    middle = 1 - head / 2 / figure.bbox.height
    figure.text(0.5, middle, heading, ha="center", va="center", fontsize=FONT_SIZE)
    return figure


def _usual_zoom(largest: tuple[int, int], n_columns: int) -> Real:
    """Zoom of about 128 pixels for each image; below one, which averages pixels, only for sheets that are huge."""
    zoom = zoom_to_fit(largest, 128, 128)
    return zoom if zoom >= 1 else min(1, zoom_to_fit(largest, WIDE, WIDE / n_columns - _GAP))


def _heading(title: str, limits: Sequence[tuple[Real, Real]], scale: Real) -> str:
    zoom = f"zoom {scale:g}" if scale >= 1 else f"zoom 1/{round(1 / scale)}"
    one_range = len(set(limits)) == 1
    shown = f"range [{limits[0][0]:.3g}, {limits[0][1]:.3g}]" if one_range else "each over its own range"
    return ", ".join(text for text in (title, shown, zoom) if text)


def _sheet(
    found: Sequence[Picture],
    sizes: Sequence[tuple[int, int]],
    limits: Sequence[tuple[Real, Real]],
    vrange: ValueRange,
    scale: Real,
    n_columns: int,
    cell: tuple[int, int],
    labelled: bool,
) -> np.ndarray:
    """All pixels of the sheet, (height, width, 4), in [0, 1]."""
    n_rows = math.ceil(len(found) / n_columns)
    height = _GAP + n_rows * (cell[0] + _GAP + (_LABEL if labelled else 0))
    sheet = np.ones((height, _GAP + n_columns * (cell[1] + _GAP), 4))
    for i, (picture, size, limit) in enumerate(zip(found, sizes, limits, strict=True)):
        row, column = divmod(i, n_columns)
        top = _GAP + row * (cell[0] + _GAP + (_LABEL if labelled else 0)) + (cell[0] - size[0]) // 2
        left = _GAP + column * (cell[1] + _GAP) + (cell[1] - size[1]) // 2
        sheet[top : top + size[0], left : left + size[1]] = _colored(picture, limit, vrange, scale)
    return sheet


def _colored(picture: Picture, limits: tuple[Real, Real], vrange: ValueRange, scale: Real) -> np.ndarray:
    pixels = shown_pixels(picture, 0, limits, scale)
    if scale > 1:
        pixels = pixels.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    if picture.is_rgb:
        alpha = np.ones((*pixels.shape[:2], 1))
        return pixels if pixels.shape[-1] == 4 else np.concatenate([pixels, alpha], axis=-1)
    span = limits[1] - limits[0] or 1.0
    return colormaps.get_cmap(map_for(picture, vrange, None))((pixels - limits[0]) / span)
