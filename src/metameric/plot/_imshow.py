"""Images, pixel for pixel."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real, ValueRange
from metameric.plot._canvas import caption, cells_of, draw_picture, grid_of_axes, map_for, sizes_of
from metameric.plot._pictures import Picture, pictures, ranges, titles
from metameric.plot._pixels import check_zoom, default_zoom, place_within, relative_zooms
from metameric.plot._ranges import Range


def imshow(
    image: Tensor | Sequence[Tensor],
    vrange: ValueRange = "indep1",
    zoom: Real | None = None,
    title: str | Sequence[str] | None = "",
    col_wrap: int | None = None,
    ax: Axes | None = None,
    cmap: Any = None,
    plot_complex: str = "rectangular",
    batch_idx: int | None = None,
    channel_idx: int | None = None,
    as_rgb: bool = False,
    **kwargs: Any,
) -> Figure:
    """Show images pixel for pixel: every value takes a whole number of figure pixels.

    Parameters
    ----------
    image
        Images (batch, channel, height, width), or a list of them; smaller ones are enlarged by whole factors.
    vrange
        Values shown darkest and brightest: a pair, or ``"auto<k>"`` (one range for all) or ``"indep<k>"`` (one
        each) with k = 0 symmetric about zero, 1 minimum to maximum, 2 mean ± 2 standard deviations,
        3 the 10th and 90th percentile at a tenth and nine tenths of the range.
    zoom
        Figure pixels per image pixel, n or 1/n (averages blocks); ``None`` finds one that suits.
    title
        One title, one for each image, or ``None`` to leave out range and size too.
    col_wrap
        Images per row.
    ax
        Axes to shrink around a single image, instead of a new figure.
    cmap
        Colour map; by default gray (with NaN in orange), blue-white-red for k = 0 (in gray), cyclic for phase.
    plot_complex
        ``"rectangular"``, ``"polar"`` or ``"logpolar"`` (log(1 + amplitude)): two images for each complex one.
    batch_idx, channel_idx
        Show one batch entry or channel only.
    as_rgb
        Take 3 or 4 channels as colour, in [0, 1] (0 to 255 for integers).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> figure = mm.plot.imshow(torch.rand(2, 1, 8, 12), zoom=4, title=["left", "right"])
    >>> len(figure.axes)
    2
    """
    found = pictures(image, 4, batch_idx, channel_idx, as_rgb, plot_complex)
    figure, _ = draw_pictures(found, vrange, zoom, title, col_wrap, ax, cmap, **kwargs)
    return figure


def draw_pictures(
    found: Sequence[Picture],
    vrange: ValueRange = "indep1",
    zoom: Real | None = None,
    title: str | Sequence[str] | None = "",
    col_wrap: int | None = None,
    ax: Axes | None = None,
    cmap: Any = None,
    **kwargs: Any,
) -> tuple[Figure, list[tuple[AxesImage, Range, Real]]]:
    """Draw pictures in a new figure or one in given axes; also return each artist with its range and zoom."""
    all_ranges, all_titles = ranges(found, vrange), titles(found, title)
    zoom = None if zoom is None else check_zoom(zoom)
    figure: Any
    if ax is not None:
        if len(found) > 1:
            raise InputError(
                f"{len(found)} images for one axes; choose one with batch_idx and channel_idx, or leave out ax."
            )
        zooms = [place_within(ax, found[0].shape, zoom)]
        figure, all_axes = ax.figure, [ax]
    else:
        if col_wrap is not None and col_wrap < 1:
            raise InputError(f"col_wrap is {col_wrap}; expected 1 or more images per row.")
        n_columns = min(col_wrap or len(found), len(found))
        largest = tuple(max(p.shape[i] for p in found) for i in (0, 1))
        zooms = relative_zooms([p.shape for p in found], zoom or default_zoom(largest, n_columns))
        captions = [caption(*args) for args in zip(all_titles, found, all_ranges, zooms, strict=True)]
        figure, all_axes = grid_of_axes(sizes_of(found, zooms), captions, cells_of(len(found), n_columns))
    artists = []
    for axes, picture, limits, scale, text in zip(all_axes, found, all_ranges, zooms, all_titles, strict=True):
        artist = draw_picture(axes, picture, limits, scale, text, map_for(picture, vrange, cmap), **kwargs)
        artists.append((artist, limits, scale))
    return figure, artists
