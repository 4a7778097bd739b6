"""Unshifted spectra of sizes an octave apart: cropping them and adding them up."""

from functools import lru_cache

import torch
from torch import Tensor

Shape = tuple[int, int]
SLABS = (-2, -1)
"""Columns and rows of spectra (..., columns, rows), as `_passes` has them."""
PLANES = (-1, -2)
"""Columns and rows of spectra (..., rows, columns), as `_direct` has them."""


def cut(spectrum: Tensor, kept: int, dim: int) -> Tensor:
    """Keep the lowest frequencies along one dimension of an unshifted spectrum."""
    return lowest(spectrum, (dim,), (kept,))


def lowest(spectrum: Tensor, dims: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """Keep the lowest frequencies along some dimensions of an unshifted spectrum, so many of each."""
    halves = _halves(spectrum.shape, spectrum.stride(), dims, kept)
    if halves is not None:
        shape, strides, whole = halves
        return spectrum.as_strided(shape, strides).reshape(whole)
    for dim, number in zip(dims, kept, strict=True):
        if number != spectrum.shape[dim]:
            parts = [_part(spectrum, wide, dim) for _, wide in ends(number, spectrum.shape[dim])]
            spectrum = torch.cat(parts, dim)
    return spectrum


@lru_cache(maxsize=4096)
def _halves(
    shape: tuple[int, ...], strides: tuple[int, ...], dims: tuple[int, ...], kept: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Shape and strides of a view of the lowest frequencies, and their shape when put together.

    In the view every dimension that is cut is two: the positive and the negative half. One view serves where as many
    are positive as negative; elsewhere there is none.
    """
    numbers = {dim % len(shape): number for dim, number in zip(dims, kept, strict=True)}
    sizes, steps, whole = list[int](), list[int](), list[int]()
    for dim, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        number = numbers.get(dim, size)
        whole.append(number)
        if number == size:
            sizes, steps = [*sizes, size], [*steps, stride]
        elif number % 2:
            return None
        else:
            sizes, steps = [*sizes, 2, number // 2], [*steps, (size - number // 2) * stride, stride]
    return tuple(sizes), tuple(steps), tuple(whole)


@lru_cache(maxsize=1024)
def ends(kept: int, size: int) -> tuple[tuple[slice, slice], ...]:
    """Where the lowest frequencies lie in a small and in a large unshifted spectrum: the positive and the negative."""
    if kept == size:
        return ((slice(0, size), slice(0, size)),)
    negative = kept // 2
    positive = slice(0, kept - negative)
    return ((positive, positive), (slice(kept - negative, kept), slice(size - negative, size)))


def cropped(spectra: dict[Shape, Tensor], crop: Shape, half: bool, dims: tuple[int, int]) -> Tensor:
    """Crop a half or whole spectrum from one that holds it, and keep it; `dims` are columns and rows."""
    if crop not in spectra:
        # The last one that does: bands come from fine to coarse.
        holding = next(spectra[shape] for shape in reversed(spectra) if shape[0] >= crop[0] and shape[1] >= crop[1])
        if half:
            spectra[crop] = cut(holding.narrow(dims[0], 0, crop[1] // 2 + 1), crop[0], dims[1])
        else:
            spectra[crop] = lowest(holding, dims, (crop[1], crop[0]))
    return spectra[crop]


def padded(spectrum: Tensor, shape: Shape, half: bool, dims: tuple[int, int]) -> Tensor:
    """Return a larger spectrum, zero beyond the frequencies given."""
    sizes = list(spectrum.shape)
    sizes[dims[0]], sizes[dims[1]] = shape[1] // 2 + 1 if half else shape[1], shape[0]
    return added(spectrum, spectrum.new_zeros(sizes), half, dims)


def added(small: Tensor, large: Tensor, half: bool, dims: tuple[int, int]) -> Tensor:
    """Add a spectrum to a larger one, in place."""
    across, down = dims
    there = large.narrow(across, 0, small.shape[across]) if half else large
    halves = _halves(there.shape, there.stride(), dims, (small.shape[across], small.shape[down]))
    if halves is not None:
        shape, strides, _ = halves
        there.as_strided(shape, strides).add_(small.reshape(shape))
        return large
    width = small.shape[across]
    for own, target in ends(small.shape[down], large.shape[down]):
        for own_column, target_column in ends(width, width if half else large.shape[across]):
            part = _part(_part(small, own, down), own_column, across)
            _part(_part(large, target, down), target_column, across).add_(part)
    return large


def united(totals: dict[Shape, Tensor], shape: Shape, half: bool, dims: tuple[int, int]) -> Tensor:
    """Add half or whole spectra up to one of a shape, small to next larger ones, in place."""
    total: Tensor | None = None
    for crop in sorted({*totals, shape}):
        larger = totals.get(crop)
        if total is not None:
            larger = padded(total, crop, half, dims) if larger is None else added(total, larger, half, dims)
        total = larger
    if total is None:
        raise ValueError("Nothing to add up.")
    return total


def _part(spectrum: Tensor, which: slice, dim: int) -> Tensor:
    return spectrum.narrow(dim, which.start, which.stop - which.start)
