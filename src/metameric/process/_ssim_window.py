"""The window in which SSIM compares two images."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import linear_map
from metameric.process._banded import Profile, Strip, banded_products, is_filtered_by_strips, strip
from metameric.process._filters import circular_gaussian2d
from metameric.process._padding import PAD_MODES, Pads, fold, pad
from metameric.process._stencil import Stencil, column_stencil, gather, row_stencil, scatter

WINDOW_SIZE, WINDOW_STD = 11, 1.5
# Above this many values maps outgrow the fast memory of a processor and are filtered one after the other.
STACK_LIMIT = 2**15
# Rows and columns from which products with banded matrices take less time.
LARGE_PLANE = 96


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
        return _one_by_one_or_stacked(self._gather, maps)

    def pull_back(self, *gradients: Tensor) -> list[Tensor]:
        """Turn gradients of means into those of maps, outside any graph."""
        return _one_by_one_or_stacked(self._scatter, gradients)

    def _gather(self, x: Tensor) -> Tensor:
        if _is_large(x):
            return banded_products(x, *(_matrix(n, False, x.dtype) for n in x.shape[-2:]))
        down, along = _stencils(self.size)
        return gather(gather(x, down), along)

    def _scatter(self, y: Tensor) -> Tensor:
        rows, columns = y.shape[-2:]
        more = self.size - 1
        if _is_large(y):
            return banded_products(y, *(_matrix(n + more, True, y.dtype) for n in (rows, columns)))
        down, along = _stencils(self.size)
        return scatter(scatter(y, along, (rows, columns + more)), down, (rows + more, columns + more))


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
def _matrix(n: int, transposed: bool, dtype: torch.dtype) -> Strip:
    return strip(n, Profile(tuple(_taps(WINDOW_SIZE)), WINDOW_SIZE // 2), None, transposed, dtype)


def _one_by_one_or_stacked(function: Callable[[Tensor], Tensor], maps: tuple[Tensor, ...]) -> list[Tensor]:
    if maps[0].numel() > STACK_LIMIT and maps[0].device.type == "cpu":
        return [function(m) for m in maps]
    return list(function(torch.stack(maps)).unbind())
