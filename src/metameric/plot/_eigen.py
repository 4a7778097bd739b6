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
    **kwargs: Any,
) -> Figure:
    """Show eigendistortions alone (upper row), and added to their image (lower row, which begins with the image).

    Parameters
    ----------
    eigendistortion
        An object with `image`, `eigendistortions` (k, channel, height, width) and `eigenvalues`.
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
    **kwargs
        `vrange`, `zoom`, `cmap` as in `imshow`; others for :meth:`matplotlib.axes.Axes.imshow`.

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
    image, all_found = eigendistortion.image.detach(), eigendistortion.eigendistortions.detach()
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
        value = float(torch.as_tensor(eigendistortion.eigenvalues)[k])
        texts += [f"{name}{gray}\neigenvalue {value:.3g}", f"Image + {scale:g} × {name}"]
        cells += [(0, column), (1, column)]
    found = [p for image in shown for p in pictures(image, 4, 0, channel_idx, as_rgb, "rectangular")]
    figure = _draw(found, texts, cells, **kwargs)
    _add_title(figure, suptitle, suptitle_kwargs or {})
    return figure


def _draw(
    found: Sequence[Picture],
    texts: Sequence[str],
    cells: Sequence[tuple[int, int]],
    vrange: Any = "indep1",
    zoom: Real | None = None,
    cmap: Any = None,
    **kwargs: Any,
) -> Figure:
    """Distortions alone are signed, whatever the range of the rest."""
    n_columns = 1 + max(column for _, column in cells)
    scale = default_zoom(found[0].shape, n_columns) if zoom is None else check_zoom(zoom)
    zooms = [scale] * len(found)
    rules = ["indep0" if row == 0 and vrange == "indep1" else vrange for row, _ in cells]
    upper = [p for p, (row, _) in zip(found, cells, strict=True) if row == 0]
    lower = [p for p, (row, _) in zip(found, cells, strict=True) if row == 1]
    limits = {id(p): r for p, r in zip(upper, ranges(upper, "indep0" if vrange == "indep1" else vrange), strict=True)}
    limits.update({id(p): r for p, r in zip(lower, ranges(lower, vrange), strict=True)})
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
