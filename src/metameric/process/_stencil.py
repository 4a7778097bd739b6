"""Correlation with a small constant kernel, as a weighted sum of shifted views, and its adjoint.

Single-channel images have too little work per pixel for the convolution kernels of deep-learning libraries: a sum of
shifted views is several times faster on a CPU. `gather` and `scatter` are parts for `linear_map`, and each other's
adjoint; they are not meant to be differentiated through.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Num
from torch import Tensor

Offsets = Mapping[tuple[int, int], float]


class Stencil(NamedTuple):
    """The non-zero weights of a kernel (row, column, weight), the kernel's size, and the step between outputs."""

    taps: tuple[tuple[int, int, float], ...]
    size: tuple[int, int]
    step: tuple[int, int]

    def parts(self, x: Tensor, rows: int, columns: int) -> list[tuple[Tensor, float]]:
        """Pair the part of `x` that each weight meets with the weight."""
        down, right = self.step
        return [
            (x[..., i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right], weight)
            for i, j, weight in self.taps
        ]


def column_stencil(weights: Sequence[float], step: int = 1) -> Stencil:
    """Build the kernel of one column: it runs down the rows of an image."""
    return Stencil(tuple((k, 0, w) for k, w in enumerate(weights) if w), (len(weights), 1), (step, 1))


def row_stencil(weights: Sequence[float], step: int = 1) -> Stencil:
    """Build the kernel of one row: it runs along the columns of an image."""
    return Stencil(tuple((0, k, w) for k, w in enumerate(weights) if w), (1, len(weights)), (1, step))


def gather(x: Num[Tensor, "*lead height width"], stencil: Stencil) -> Num[Tensor, "*lead rows columns"]:
    """Correlate where the kernel lies wholly inside the image."""
    counts = ((n - k) // step + 1 for n, k, step in zip(x.shape[-2:], stencil.size, stencil.step, strict=True))
    (first, weight), *others = stencil.parts(x, *counts)
    out = first * weight
    for part, weight in others:
        out.add_(part, alpha=weight)
    return out


def scatter(
    y: Num[Tensor, "*lead rows columns"], stencil: Stencil, size: tuple[int, int]
) -> Num[Tensor, "*lead height width"]:
    """Let each pixel add one kernel to an image of the given size."""
    out = y.new_zeros(*y.shape[:-2], *size)
    for part, weight in stencil.parts(out, y.shape[-2], y.shape[-1]):
        part.add_(y, alpha=weight)
    return out


def gather_neighbours(
    x: Num[Tensor, "*lead height width"], weights: Offsets, constant: float = 0.0
) -> Num[Tensor, "*lead height width"]:
    """Add weighted neighbours of each pixel, at (row, column) offsets, to a constant; beyond the edges are zeros."""
    (height, width), out = x.shape[-2:], torch.full_like(x, constant)
    for (i, j), weight in weights.items():
        rows, columns = max(height - abs(i), 0), max(width - abs(j), 0)
        here = out[..., max(-i, 0) : max(-i, 0) + rows, max(-j, 0) : max(-j, 0) + columns]
        here.add_(x[..., max(i, 0) : max(i, 0) + rows, max(j, 0) : max(j, 0) + columns], alpha=weight)
    return out
