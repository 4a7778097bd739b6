"""Unshifted spectra of sizes an octave apart: cropping them and adding them up."""

from functools import lru_cache

import torch
from torch import Tensor

Shape = tuple[int, int]


def cut(spectrum: Tensor, kept: int, dim: int) -> Tensor:
    """Keep the lowest frequencies along one dimension of an unshifted spectrum."""
    if kept == spectrum.shape[dim]:
        return spectrum
    parts = [spectrum.narrow(dim, wide.start, wide.stop - wide.start) for _, wide in ends(kept, spectrum.shape[dim])]
    return torch.cat(parts, dim)


@lru_cache(maxsize=1024)
def ends(kept: int, size: int) -> tuple[tuple[slice, slice], ...]:
    """Where the lowest frequencies lie in a small and in a large unshifted spectrum: the positive and the negative."""
    if kept == size:
        return ((slice(0, size), slice(0, size)),)
    negative = kept // 2
    positive = slice(0, kept - negative)
    return ((positive, positive), (slice(kept - negative, kept), slice(size - negative, size)))


def cropped(spectra: dict[Shape, Tensor], crop: Shape, half: bool) -> Tensor:
    """Crop a half or whole spectrum (columns, planes, rows) from the smallest one that holds it, and keep it."""
    if crop not in spectra:
        holding = spectra[min(shape for shape in spectra if shape[0] >= crop[0] and shape[1] >= crop[1])]
        columns = holding[: crop[1] // 2 + 1] if half else cut(holding, crop[1], 0)
        spectra[crop] = cut(columns, crop[0], -1)
    return spectra[crop]


def united(totals: dict[Shape, Tensor], shape: Shape, half: bool) -> Tensor:
    """Add half or whole spectra (columns, planes, rows) up to one of a shape, small to next larger ones, in place."""
    total: Tensor | None = None
    for crop in sorted({*totals, shape}):
        larger = totals.get(crop)
        if total is not None:
            if larger is None:
                larger = total.new_zeros(crop[1] // 2 + 1 if half else crop[1], total.shape[1], crop[0])
            across = ends(len(total), len(total) if half else crop[1])
            for own, target in ends(total.shape[-1], crop[0]):
                for own_column, target_column in across:
                    larger[target_column, :, target].add_(total[own_column, :, own])
        total = larger
    if total is None:
        raise ValueError("Nothing to add up.")
    return total
