"""Halving and doubling with classical low-pass filters."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Num
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import constants
from metameric.process._filters import named_filter
from metameric.process._padding import pad
from metameric.process._resample import Pair, Signal, check_odd, check_padding, check_plane, enlargement
from metameric.process._stencil import column_stencil, correlate, row_stencil, spread

Taps = tuple[float, ...]


def blur_downsample(
    image: Signal, n_scales: int = 1, filtname: str = "binom5", scale_filter: bool = True
) -> Num[Tensor, "*lead small_height small_width"]:
    """Blur with a named filter and keep every second pixel, `n_scales` times.

    Parameters
    ----------
    image
        Shape (..., height, width).
    n_scales
        How often, at least once.
    filtname
        ``"binomN"`` for any N, ``"haar"``, ``"gauss3"``, ``"gauss5"``, ``"daub2"`` to ``"daub4"``, or ``"qmfN"``
        for N = 5, 8, 9, 12, 13, 16.
    scale_filter
        The filter sums to one, which keeps the mean, if ``True``; else to two.

    Raises
    ------
    ValueError
        If `n_scales` is not positive, the name unknown, or an image smaller than the filter's reflected edges.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.blur_downsample(torch.rand(1, 1, 33, 16), n_scales=2).shape
    torch.Size([1, 1, 9, 4])
    """
    taps = _taps(image, n_scales, filtname, 1.0 if scale_filter else math.sqrt(2))
    for _ in range(n_scales):
        image = _halve(image, taps)
    return image


def upsample_blur(
    image: Signal, odd: Pair, n_scales: int = 1, filtname: str = "binom5", scale_filter: bool = True
) -> Num[Tensor, "*lead large_height large_width"]:
    """Put zeros between pixels and blur with a named filter, `n_scales` times.

    Parameters
    ----------
    image
        Shape (..., height, width).
    odd
        Whether each result has an odd (1) or even (0) height and width.
    n_scales, filtname
        As in `blur_downsample`.
    scale_filter
        The filter sums to four, which keeps the mean, if ``True``; else to two.

    Raises
    ------
    ValueError
        As `blur_downsample`, and if `odd` is not two of 0 and 1.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.upsample_blur(torch.rand(1, 1, 9, 4), (1, 0), n_scales=2).shape
    torch.Size([1, 1, 33, 16])
    """
    taps = _taps(image, n_scales, filtname, 2.0 if scale_filter else math.sqrt(2))
    check_odd(odd)
    for _ in range(n_scales):
        image = _double(image, odd, taps)
    return image


def _taps(image: Tensor, n_scales: int, name: str, gain: float) -> Taps:
    check_plane(image)
    if n_scales != int(n_scales) or n_scales < 1:
        raise InputError(f"n_scales is {n_scales}; expected a positive integer.")
    return tuple(gain * tap for tap in named_filter(name))


def _halve(image: Tensor, taps: Taps) -> Tensor:
    pads = (len(taps) - 1) // 2, len(taps) // 2
    check_padding(image, (pads, pads), "reflect")
    if _is_small(image):
        rows, columns = (_halving(n, taps, image.dtype, image.device) for n in image.shape[-2:])
        return rows @ image @ columns.mT
    padded = pad(image, (pads, pads), "reflect")
    return correlate(correlate(padded, column_stencil(taps, 2)), row_stencil(taps, 2))


def _double(image: Tensor, odd: Pair, taps: Taps) -> Tensor:
    rows, columns = (enlargement(n, o, len(taps)) for n, o in zip(image.shape[-2:], odd, strict=True))
    check_padding(image, (rows.pads, columns.pads), "reflect")
    if _is_small(image):
        up, along = (
            _doubling(n, o, taps, image.dtype, image.device) for n, o in zip(image.shape[-2:], odd, strict=True)
        )
        return up @ image @ along.mT
    padded = pad(image, (rows.pads, columns.pads), "reflect")
    height, width = (2 * (n - 1) + len(taps) for n in padded.shape[-2:])
    tall = spread(padded, column_stencil(taps, 2), (height, padded.shape[-1])).narrow(-2, rows.start, rows.length)
    return spread(tall, row_stencil(taps, 2), (rows.length, width)).narrow(-1, columns.start, columns.length)


def _is_small(image: Tensor) -> bool:
    """Tell whether two products with dense matrices cost less than the many steps of a sparse sum."""
    return max(image.shape[-2:]) <= 96 and image.is_floating_point()


@lru_cache(maxsize=256)
def _halving(n: int, taps: Taps, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "half n"]:
    """Matrix of blurring and halving one axis, reflected edges included."""
    with constants():
        padded = pad(torch.eye(n, dtype=torch.float64), (((len(taps) - 1) // 2, len(taps) // 2), (0, 0)), "reflect")
        return correlate(padded, column_stencil(taps, 2)).to(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _doubling(n: int, odd: int, taps: Taps, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "double n"]:
    """Matrix of putting zeros between the pixels of one axis and blurring, reflected edges included."""
    with constants():
        plan = enlargement(n, odd, len(taps))
        padded = pad(torch.eye(n, dtype=torch.float64), (plan.pads, (0, 0)), "reflect")
        tall = spread(padded, column_stencil(taps, 2), (2 * (padded.shape[-2] - 1) + len(taps), n))
        return tall.narrow(-2, plan.start, plan.length).to(dtype=dtype, device=device)
