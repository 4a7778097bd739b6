"""Several eigendistortions of one image."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.panels import Real
from metameric.plot._canvas import caption, draw_picture, grid_of_axes, map_for, sizes_of
from metameric.plot._pictures import Picture, check_index, pictures, ranges
from metameric.plot._pixels import check_zoom, default_zoom
from metameric.plot._stimulus import beyond, usual_range

Process = Callable[[Tensor], Tensor]


def eigendistortion_imshow_all(
    eigendistortion: Any,
    eigenindex: Sequence[int] = (0, -1),
    channel_idx: int | None = None,
    distortion_scale: Real | Sequence[Real] = 5.0,
    process_image: Process | None = None,
    process_distortion: Process | None = None,
    suptitle: str = "Eigendistortions",
    suptitle_kwargs: Mapping[str, Any] | None = None,
    batch_idx: int = 0,
    **kwargs: Any,
) -> Figure:
    """Show eigendistortions alone (upper row), and added to their image (lower row, which begins with the image).

    Parameters
    ----------
    eigendistortion
        An object with `image`, `eigendistortions` (k, channel, height, width) and `eigenvalues`, for several images
        with their number first.
    eigenindex
        Which of them; negative numbers count from the last.
    channel_idx
        One channel; ``None`` shows three or four channels as colour.
    distortion_scale
        Weight of the distortions in the lower row, one for all or one for each.
    process_image, process_distortion
        Applied to the images of the lower and the upper row. By default colour distortions are shown around
        mid-gray, since colour has no negative values; the titles say so.
    suptitle, suptitle_kwargs
        Title of the figure.
    batch_idx
        Which image.
    **kwargs
        `vrange`, `zoom`, `cmap` as in `imshow`; others for :meth:`matplotlib.axes.Axes.imshow`. By default distortions
        are shown each within its own range, and the lower row from 0 to 1, or within the image's range if that is
        another: titles say how much of a picture lies beyond.

    Raises
    ------
    InputError
        If there are not as many scales as distortions.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(
    ...     image=torch.rand(1, 1, 8, 8), eigendistortions=torch.randn(2, 1, 8, 8), eigenvalues=torch.tensor([9.0, 1.0])
    ... )
    >>> len(mm.plot.eigendistortion_imshow_all(found).axes)
    5
    """
    scales = list(distortion_scale) if isinstance(distortion_scale, Sequence) else [distortion_scale] * len(eigenindex)
    if len(scales) != len(eigenindex):
        raise InputError(f"{len(scales)} distortion scales for {len(eigenindex)} eigendistortions; give one for each.")
    image, all_found, eigenvalues = _of_image(eigendistortion, batch_idx)
    chosen = [check_index("eigenindex", i, len(all_found)) for i in eigenindex]
    as_rgb = channel_idx is None and image.shape[1] in (3, 4)
    gray = ""
    if process_distortion is None and as_rgb:
        process_distortion, gray = (lambda x: x + 0.5), " + 0.5"
    same: Process = lambda x: x  # noqa: E731
    on_image, alone = process_image or same, process_distortion or same
    shown, texts, cells = [on_image(image[:1])], ["Original image"], [(1, 0)]
    for column, (i, k, scale) in enumerate(zip(eigenindex, chosen, scales, strict=True), start=1):
        name = f"Eigendistortion[{i}]"
        shown += [alone(all_found[k : k + 1]), on_image(image[:1] + scale * all_found[k : k + 1])]
        texts += [f"{name}{gray}\neigenvalue {float(eigenvalues[k]):.3g}", f"Image + {scale:g} × {name}"]
        cells += [(0, column), (1, column)]
    found = [p for image in shown for p in pictures(image, 4, 0, channel_idx, as_rgb, "rectangular")]
    limits = usual_range(shown[0])
    if kwargs.get("vrange") is None:
        channels = slice(None) if channel_idx is None else [channel_idx]
        texts = [t + beyond(x[:, channels], limits) * row for t, x, (row, _) in zip(texts, shown, cells, strict=True)]
    figure = _draw(found, texts, cells, limits, **kwargs)
    _add_title(figure, suptitle, suptitle_kwargs or {})
    return figure


def _of_image(eigendistortion: Any, batch_idx: int) -> tuple[Tensor, Tensor, Tensor]:
    """One image (1, ...), its eigendistortions (k, ...) and eigenvalues (k,)."""
    image, found = eigendistortion.image.detach(), eigendistortion.eigendistortions.detach()
    values = torch.as_tensor(eigendistortion.eigenvalues)
    index = check_index("batch_idx", batch_idx, len(image))
    if found.ndim > image.ndim:
        found, values = found[index], values[index]
    return image[index : index + 1], found, values


def _draw(
    found: Sequence[Picture],
    texts: Sequence[str],
    cells: Sequence[tuple[int, int]],
    limits_below: tuple[float, float],
    vrange: Any = None,
    zoom: Real | None = None,
    cmap: Any = None,
    **kwargs: Any,
) -> Figure:
    """Distortions alone are signed, whatever the range of the rest."""
    n_columns = 1 + max(column for _, column in cells)
    scale = default_zoom(found[0].shape, n_columns) if zoom is None else check_zoom(zoom)
    zooms = [scale] * len(found)
    above = "indep0" if vrange in (None, "indep1") else vrange
    below = limits_below if vrange is None else vrange
    rules = [above if row == 0 else below for row, _ in cells]
    limits: dict[int, Any] = {}
    for rule, wanted in ((above, 0), (below, 1)):
        members = [p for p, (row, _) in zip(found, cells, strict=True) if row == wanted]
        limits.update({id(p): r for p, r in zip(members, ranges(members, rule), strict=True)})
    captions = [caption(t, p, limits[id(p)], z) for t, p, z in zip(texts, found, zooms, strict=True)]
    figure, all_axes = grid_of_axes(sizes_of(found, zooms), captions, cells)
    for axes, picture, text, rule in zip(all_axes, found, texts, rules, strict=True):
        draw_picture(axes, picture, limits[id(picture)], scale, text, map_for(picture, rule, cmap), **kwargs)
    return figure


def _add_title(figure: Figure, text: str, kwargs: Mapping[str, Any]) -> None:
    """Make room above the axes for a title, keeping all pixels where they are."""
    if not text:
        return
    room = 30
    width, height = figure.bbox.size
    boxes = [axes.get_position().transformed(figure.transFigure) for axes in figure.axes]
    figure.set_size_inches(width / figure.dpi, math.ceil(height + room) / figure.dpi)
    for axes, box in zip(figure.axes, boxes, strict=True):
        axes.set_position(box.transformed(figure.transFigure.inverted()))
    figure.suptitle(text, **{"fontsize": 11, "y": 1 - 8 / (height + room), "va": "top", **dict(kwargs)})
