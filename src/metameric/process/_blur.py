"""Halving and doubling with classical low-pass filters."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import constants, linear_map
from metameric._core.tensors import Indices
from metameric.process._banded import (
    BLOCK,
    Strip,
    banded_products,
    cut,
    is_filtered_by_strips,
    reflected,
)
from metameric.process._filters import named_filter
from metameric.process._padding import fold, pad
from metameric.process._resample import Pair, Signal, check_odd, check_padding, check_plane, enlargement
from metameric.process._stencil import column_stencil, gather, row_stencil, scatter

Taps = tuple[float, ...]
# Rows and columns up to which products with dense matrices pay, in single and in double precision.
LARGEST_DENSE, LARGEST_DENSE_DOUBLE = 128, 112


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
    taps = named_taps(image, n_scales, filtname, 1.0 if scale_filter else math.sqrt(2))
    for _ in range(int(n_scales)):
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
    taps = named_taps(image, n_scales, filtname, 2.0 if scale_filter else math.sqrt(2))
    check_odd(odd)
    for _ in range(int(n_scales)):
        image = _double(image, odd, taps)
    return image


def named_taps(image: Tensor, n_scales: int, name: str, gain: float) -> Taps:
    """Return the taps of a named filter times `gain`, having checked the arguments of `blur_downsample`."""
    check_plane(image)
    if n_scales != int(n_scales) or n_scales < 1:
        raise InputError(f"n_scales is {n_scales}; expected a positive integer.")
    return tuple(gain * tap for tap in named_filter(name))


class Resampling(NamedTuple):
    """A linear map of images and its adjoint."""

    apply: Callable[[Tensor], Tensor]
    adjoint: Callable[[Tensor], Tensor]


def _halve(image: Tensor, taps: Taps) -> Tensor:
    return linear_map(image, *halving(image, taps))


def halving(image: Tensor, taps: Taps) -> Resampling:
    """Blur and halve images like the given one."""
    pads = (((len(taps) - 1) // 2, len(taps) // 2),) * 2
    check_padding(image, pads, "reflect")
    if _is_small(image, image.shape[-2:]):
        return by_matrices(*(_halving(n, taps, image.dtype, image.device) for n in image.shape[-2:]))
    if is_filtered_by_strips(image):
        return _by_strips([_halving_strips(n, taps, image.dtype) for n in image.shape[-2:]])
    down, along = column_stencil(taps, 2), row_stencil(taps, 2)
    height, width = (n + sum(p) for n, p in zip(image.shape[-2:], pads, strict=True))
    half = -(-image.shape[-2] // 2)

    def apply(x: Tensor) -> Tensor:
        return gather(gather(pad(x, pads, "reflect"), down), along)

    def adjoint(y: Tensor) -> Tensor:
        return fold(scatter(scatter(y, along, (half, width)), down, (height, width)), pads, "reflect")

    return Resampling(apply, adjoint)


def _double(image: Tensor, odd: Pair, taps: Taps) -> Tensor:
    return linear_map(image, *doubling(image, odd, taps))


def doubling(image: Tensor, odd: Pair, taps: Taps) -> Resampling:
    """Enlarge and blur images like the given one."""
    rows, columns = (enlargement(n, o, len(taps)) for n, o in zip(image.shape[-2:], odd, strict=True))
    pads = rows.pads, columns.pads
    check_padding(image, pads, "reflect")
    if _is_small(image, (rows.length, columns.length)):
        sizes = zip(image.shape[-2:], odd, strict=True)
        return by_matrices(*(_doubling(n, o, taps, image.dtype, image.device) for n, o in sizes))
    if is_filtered_by_strips(image):
        sizes = zip(image.shape[-2:], odd, strict=True)
        return _by_strips([_doubling_strips(n, o, taps, image.dtype) for n, o in sizes])
    padded = [n + sum(p) for n, p in zip(image.shape[-2:], pads, strict=True)]
    height, width = (2 * (n - 1) + len(taps) for n in padded)
    down, right = column_stencil(taps, 2), row_stencil(taps, 2)

    def apply(x: Tensor) -> Tensor:
        tall = scatter(pad(x, pads, "reflect"), down, (height, padded[1])).narrow(-2, rows.start, rows.length)
        return scatter(tall, right, (rows.length, width)).narrow(-1, columns.start, columns.length)

    def adjoint(y: Tensor) -> Tensor:
        wide = gather(_embed(y, -1, columns.start, width), right)
        return fold(gather(_embed(wide, -2, rows.start, height), down), pads, "reflect")

    return Resampling(apply, adjoint)


def by_matrices(rows: Tensor, columns: Tensor) -> Resampling:
    """Multiply columns and rows of images by matrices."""
    return Resampling(lambda x: rows @ (x @ columns.mT), lambda y: rows.mT @ (y @ columns))


def _by_strips(axes: Sequence[tuple[Strip, Strip]]) -> Resampling:
    """Multiply columns and rows of images by banded matrices; each comes with its transpose."""
    (down, back_down), (along, back_along) = axes
    return Resampling(
        lambda x: banded_products(down, along, x)[0], lambda y: banded_products(back_down, back_along, y)[0]
    )


def _embed(y: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Put zeros around `y`, the adjoint of `narrow`."""
    after = length - start - y.shape[dim]
    return F.pad(y, (start, after) if dim == -1 else (0, 0, start, after))


def _is_small(image: Tensor, larger: Sequence[int]) -> bool:
    """Tell whether two products with dense matrices cost less than the many steps of a sparse sum.

    `larger` is the image's size or, where it is to be doubled, that of the result.
    """
    largest = LARGEST_DENSE_DOUBLE if image.dtype == torch.float64 else LARGEST_DENSE
    return max(larger) <= largest and image.is_floating_point()


@lru_cache(maxsize=256)
def _halving(n: int, taps: Taps, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "half n"]:
    """Matrix of blurring and halving one axis, reflected edges included."""
    with constants():
        padded = pad(torch.eye(n, dtype=torch.float64), (((len(taps) - 1) // 2, len(taps) // 2), (0, 0)), "reflect")
        return gather(padded, column_stencil(taps, 2)).to(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _doubling(n: int, odd: int, taps: Taps, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "double n"]:
    """Matrix of putting zeros between the pixels of one axis and blurring, reflected edges included."""
    with constants():
        plan = enlargement(n, odd, len(taps))
        padded = pad(torch.eye(n, dtype=torch.float64), (plan.pads, (0, 0)), "reflect")
        tall = scatter(padded, column_stencil(taps, 2), (2 * (padded.shape[-2] - 1) + len(taps), n))
        return tall.narrow(-2, plan.start, plan.length).to(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _halving_strips(n: int, taps: Taps, dtype: torch.dtype) -> tuple[Strip, Strip]:
    """As `_halving`, cut into blocks, and the transpose."""
    half = -(-n // 2)
    meets = 2 * np.arange(half)[:, None] + np.arange(len(taps)) - (len(taps) - 1) // 2
    rows, values = np.indices(meets.shape)[0], np.broadcast_to(taps, meets.shape)
    return _both(rows, reflected(meets, n), values, (half, n), dtype)


@lru_cache(maxsize=256)
def _doubling_strips(n: int, odd: int, taps: Taps, dtype: torch.dtype) -> tuple[Strip, Strip]:
    """As `_doubling`, cut into blocks, and the transpose."""
    plan = enlargement(n, odd, len(taps))
    padded, tap = np.indices((n + sum(plan.pads), len(taps)))
    rows = 2 * padded + tap - plan.start
    inside = (rows >= 0) & (rows < plan.length)
    entries = rows, reflected(padded - plan.pads[0], n), np.broadcast_to(taps, rows.shape)
    rows, columns, values = (part[inside] for part in entries)
    return _both(columns, rows, values, (n, plan.length), dtype)[::-1]


def _both(
    rows: Indices, columns: Indices, values: np.ndarray, size: Sequence[int], dtype: torch.dtype
) -> tuple[Strip, Strip]:
    """Cut a matrix of half as many rows as columns, and its transpose."""
    there = cut(rows, columns, values, size[0], BLOCK // 2, BLOCK, dtype)
    return there, cut(columns, rows, values, size[1], BLOCK, BLOCK // 2, dtype)
