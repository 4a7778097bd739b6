"""The window in which SSIM compares two images."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import constants, linear_map
from metameric.process._banded import Profile, Strip, banded_products, is_filtered_by_strips, strip
from metameric.process._blur import by_matrices
from metameric.process._filters import circular_gaussian2d
from metameric.process._padding import PAD_MODES, Pads, fold, pad
from metameric.process._stencil import Stencil, column_stencil, gather, row_stencil, scatter

WINDOW_SIZE, WINDOW_STD = 11, 1.5
# Above this many values maps outgrow the fast memory of a processor and are filtered one after the other.
STACK_LIMIT = 2**15
# Bytes of a row up to which products with dense matrices take the least time; rows and columns from which those with
# banded ones do.
SMALL_PLANE, LARGE_PLANE = 256, 96


class Window(NamedTuple):
    """A Gaussian window for images of one size, which may be continued over their edges."""

    size: int
    pad_mode: str | bool = False

    @classmethod
    def of(cls, image: Tensor, pad_mode: str | bool) -> "Window":
        """Choose the window for images like this one; it shrinks with them."""
        if pad_mode is not False and pad_mode not in PAD_MODES:
            raise InputError(f"pad is {pad_mode!r}; expected False or one of {', '.join(map(repr, PAD_MODES))}.")
        return cls(min(WINDOW_SIZE, *image.shape[-2:]), pad_mode)

    @property
    def _pads(self) -> Pads:
        before, after = (self.size - 1) // 2, self.size // 2
        return (before, after), (before, after)

    def pad(self, image: Tensor) -> Tensor:
        """Continue images over their edges, if they are to be."""
        return image if self.pad_mode is False else pad(image, self._pads, str(self.pad_mode))

    def fold(self, gradient: Tensor) -> Tensor:
        """Apply the adjoint of `pad`."""
        return gradient if self.pad_mode is False else fold(gradient, self._pads, str(self.pad_mode))

    def means(self, *maps: Tensor) -> list[Tensor]:
        """Return the mean of every map in each window that lies wholly inside."""
        return _one_by_one_or_stacked(lambda m: linear_map(m, self._gather, self._scatter), maps)

    def plain_means(self, *maps: Tensor) -> list[Tensor]:
        """As `means`, outside any graph."""
        return _products(maps, 0) if _is_large(maps[0]) else _one_by_one_or_stacked(self._gather, maps)

    def pull_back(self, *gradients: Tensor) -> list[Tensor]:
        """Turn gradients of means into those of maps, outside any graph."""
        return _products(gradients, 1) if _is_large(gradients[0]) else _one_by_one_or_stacked(self._scatter, gradients)

    def _gather(self, x: Tensor) -> Tensor:
        if _is_small(x):
            return by_matrices(*(_matrix(n, self.size, x.dtype, x.device) for n in x.shape[-2:])).apply(x)
        if _is_large(x):
            return _products((x,), 0)[0]
        down, along = _stencils(self.size)
        return gather(gather(x, down), along)

    def _scatter(self, y: Tensor) -> Tensor:
        rows, columns = (n + self.size - 1 for n in y.shape[-2:])
        if _is_small(y):
            return by_matrices(*(_matrix(n, self.size, y.dtype, y.device) for n in (rows, columns))).adjoint(y)
        if _is_large(y):
            return _products((y,), 1)[0]
        down, along = _stencils(self.size)
        return scatter(scatter(y, along, (y.shape[-2], columns)), down, (rows, columns))


def _products(maps: Sequence[Tensor], adjoint: int) -> list[Tensor]:
    height, width = (n + adjoint * (WINDOW_SIZE - 1) for n in maps[0].shape[-2:])
    down, along = (_strip(n, bool(adjoint), maps[0].dtype) for n in (height, width))
    return banded_products(down, along, *maps)


def _is_small(x: Tensor) -> bool:
    """Tell whether two products with dense matrices are faster than the many steps of a sparse sum.

    Not on accelerators, where users may have products rounded to fewer digits (`torch.set_float32_matmul_precision`).
    """
    return type(x) is Tensor and is_filtered_by_strips(x) and max(x.shape[-2:]) * x.itemsize <= SMALL_PLANE


def _is_large(x: Tensor) -> bool:
    """Tell whether two products with banded matrices are faster than a sum of shifted views.

    Images that large always have the window of the usual size.
    """
    return type(x) is Tensor and is_filtered_by_strips(x) and min(x.shape[-2:]) >= LARGE_PLANE


@lru_cache(maxsize=16)
def _taps(size: int) -> list[float]:
    taps: list[float] = circular_gaussian2d((size, 1), torch.tensor(WINDOW_STD, dtype=torch.float64)).flatten().tolist()
    return taps


@lru_cache(maxsize=16)
def _stencils(size: int) -> tuple[Stencil, Stencil]:
    return column_stencil(_taps(size)), row_stencil(_taps(size))


@lru_cache(maxsize=32)
def _strip(n: int, transposed: bool, dtype: torch.dtype) -> Strip:
    return strip(n, Profile(tuple(_taps(WINDOW_SIZE)), WINDOW_SIZE // 2), None, transposed, dtype)


@lru_cache(maxsize=64)
def _matrix(n: int, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Matrix of the means along an axis of `n` samples."""
    with constants():
        return gather(torch.eye(n, dtype=torch.float64), _stencils(size)[0]).to(dtype=dtype, device=device)


def _one_by_one_or_stacked(function: Callable[[Tensor], Tensor], maps: tuple[Tensor, ...]) -> list[Tensor]:
    if maps[0].numel() > STACK_LIMIT and maps[0].device.type == "cpu":
        return [function(m) for m in maps]
    return list(function(torch.stack(maps)).unbind())
