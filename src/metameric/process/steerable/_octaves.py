"""Unshifted spectra of sizes an octave apart: cropping them and adding them up."""

from functools import lru_cache

import torch
from torch import Tensor

Shape = tuple[int, int]
Block = tuple[slice, slice]


def cut(spectrum: Tensor, kept: int, dim: int) -> Tensor:
    """Keep the lowest frequencies along one dimension of an unshifted spectrum."""
    if kept == spectrum.shape[dim]:
        return spectrum
    negative = kept // 2
    parts = (spectrum.narrow(dim, 0, kept - negative), spectrum.narrow(dim, spectrum.shape[dim] - negative, negative))
    return torch.cat(parts, dim)


@lru_cache(maxsize=1024)
def blocks(crop: Shape, size: Shape, single: bool = False) -> tuple[tuple[Block, Block], ...]:
    """Where the lowest frequencies lie in a small and in a large unshifted spectrum, in rectangular blocks."""
    rows, columns = _ends(crop[0], size[0]), _ends(crop[1], size[1])
    if single:
        half = slice(crop[1] // 2 + 1)
        columns = [(half, half)]
    return tuple(((r[0], c[0]), (r[1], c[1])) for r in rows for c in columns)


def _ends(kept: int, size: int) -> list[tuple[slice, slice]]:
    if kept == size:
        return [(slice(None), slice(None))]
    negative = kept // 2
    positive = slice(kept - negative)
    return [(positive, positive), (slice(kept - negative, kept), slice(size - negative, size))]


def cropped(spectra: dict[Shape, Tensor], crop: Shape) -> Tensor:
    """Crop a spectrum from the smallest one at hand that holds it, and keep it at hand."""
    if crop not in spectra:
        holding = [shape for shape in spectra if shape[0] >= crop[0] and shape[1] >= crop[1]]
        spectra[crop] = cut(cut(spectra[min(holding)], crop[0], -2), crop[1], -1)
    return spectra[crop]


def united(totals: dict[Shape, Tensor], shape: Shape) -> Tensor:
    """Add spectra of different sizes up to one of the given shape, small ones to the next larger."""
    total: Tensor | None = None
    for crop in sorted({*totals, shape}):
        larger = totals.get(crop)
        if total is not None:
            if larger is None:
                larger = total.new_zeros(total.shape[0], *crop)
            for own, target in blocks((total.shape[-2], total.shape[-1]), crop):
                larger[..., *target].add_(total[..., *own])
        total = larger
    if total is None:
        raise ValueError("Nothing to add up.")
    return total
