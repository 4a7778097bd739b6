"""All bands of a pyramid, one row for each scale."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from metameric._core.errors import InputError, InputTypeError
from metameric._core.panels import Real, ValueRange
from metameric.plot._canvas import caption, draw_picture, grid_of_axes, map_for, sizes_of
from metameric.plot._pictures import Picture, pictures, ranges
from metameric.plot._pixels import check_zoom, relative_zooms

Key = str | int | tuple[int, int]


def pyrshow(
    pyr_coeffs: Mapping[Key, Tensor],
    vrange: ValueRange = "indep1",
    zoom: Real = 1,
    show_residuals: bool = True,
    cmap: Any = None,
    plot_complex: str = "rectangular",
    batch_idx: int = 0,
    channel_idx: int = 0,
    **kwargs: Any,
) -> Figure:
    """Show the coefficients of a steerable pyramid: a row for each scale, a column for each orientation.

    Parameters
    ----------
    pyr_coeffs
        Coefficients (batch, channel, orientation, height, width) by scale, as `SteerablePyramidFreq` gives them, or
        (batch, channel, height, width) by (scale, orientation), and the residuals by name.
    vrange
        As in `imshow`; ``"auto0"`` shows all bands over one range, symmetric about zero.
    zoom
        Figure pixels per value of the largest band; smaller bands are enlarged to its size.
    show_residuals
        Show the high-pass and the low-pass residual too, in rows of their own.
    cmap, plot_complex, batch_idx, channel_idx
        As in `imshow`.
    **kwargs
        Passed to :meth:`matplotlib.axes.Axes.imshow`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> bands = mm.process.SteerablePyramidFreq((32, 32), height=2, order=3)(torch.rand(1, 1, 32, 32))
    >>> len(mm.plot.pyrshow(bands, vrange="auto0").axes)
    10
    """
    for name, index in (("batch_idx", batch_idx), ("channel_idx", channel_idx)):
        check_single(name, index)
    pyr_coeffs = _single_bands(pyr_coeffs)
    found: list[Picture] = []
    cells: list[tuple[int, int]] = []
    texts: list[str] = []
    for row, (keys) in enumerate(_rows(pyr_coeffs, show_residuals)):
        column = 0
        for key in keys:
            for picture in pictures(pyr_coeffs[key], 4, batch_idx, channel_idx, False, plot_complex):
                cells.append((row, column))
                texts.append(f"{_name(key)} {picture.part}".strip())
                found.append(replace(picture, source=len(found)))
                column += 1
    all_ranges = ranges(found, vrange)
    zooms = relative_zooms([p.shape for p in found], check_zoom(zoom))
    captions = [caption(*args) for args in zip(texts, found, all_ranges, zooms, strict=True)]
    figure, all_axes = grid_of_axes(sizes_of(found, zooms), captions, cells)
    for axes, picture, limits, scale, text in zip(all_axes, found, all_ranges, zooms, texts, strict=True):
        draw_picture(axes, picture, limits, scale, text, map_for(picture, vrange, cmap), **kwargs)
    return figure


def check_single(name: str, index: object) -> None:
    """Raise an error unless an index chooses one image."""
    if index is None:
        raise InputTypeError(f"{name} must be an int, a pyramid is shown for one image at a time; found None.")


def _single_bands(pyr_coeffs: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
    """Return bands by (scale, orientation) where a scale holds all of its orientations."""
    single: dict[Key, Tensor] = {}
    for key, bands in pyr_coeffs.items():
        if isinstance(key, int):
            single |= {(key, i): bands[:, :, i] for i in range(bands.shape[2])}
        else:
            single[key] = bands
    return single


def _rows(pyr_coeffs: Mapping[Key, Tensor], show_residuals: bool) -> list[list[Key]]:
    scales = sorted({k[0] for k in pyr_coeffs if isinstance(k, tuple)})
    rows: list[list[Key]] = [sorted(k for k in pyr_coeffs if isinstance(k, tuple) and k[0] == s) for s in scales]
    if show_residuals:
        named: list[Key] = [k for k in pyr_coeffs if isinstance(k, str)]
        rows = [[k] for k in named if "highpass" in str(k)] + rows + [[k] for k in named if "highpass" not in str(k)]
    if not rows:
        raise InputError(f"There is no band to show; the coefficients have the keys {list(pyr_coeffs)}.")
    return rows


def _name(key: Key) -> str:
    return f"scale {key[0]}, orientation {key[1]}" if isinstance(key, tuple) else str(key).replace("_", " ")
