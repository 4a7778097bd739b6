"""The filter bank by two-dimensional transforms in one go, which is what accelerators do fastest.

Spectra are (images, rows, columns), halves as those of ``rfft2``; masks are (filters, rows, columns) to match. On a CPU
`_passes` is faster, for it keeps to the cache.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fft

from metameric.process.steerable._octaves import Shape, cut, ends

if TYPE_CHECKING:
    from metameric.process.steerable._bank import Filters


def analyse(images: Tensor, groups: "Sequence[Filters]", masks: Sequence[Tensor]) -> list[Tensor]:
    """Filter images (images, height, width); outputs are (images, channels, *size)."""
    shape = (images.shape[-2], images.shape[-1])
    halves: dict[Shape, Tensor] = {}
    wholes: dict[Shape, Tensor] = {}
    if not all(group.is_real for group in groups):
        wholes[shape] = fft.fft2(images)
    if any(group.is_real for group in groups):
        halves[shape] = wholes[shape][..., : shape[1] // 2 + 1] if wholes else fft.rfft2(images)
    outputs = []
    for group, mask in zip(groups, masks, strict=True):
        low = _cropped(halves if group.is_real else wholes, group.crop, group.is_real)
        product = _padded(low.unsqueeze(1) * mask, group.crop, group.size, group.is_real)
        outputs.append(fft.irfft2(product, s=group.size) if group.is_real else fft.ifft2(product))
    return outputs


def synthesise(
    outputs: Sequence[Tensor],
    groups: "Sequence[Filters]",
    masks: Sequence[Tensor],
    weights: Sequence[float],
    shape: Shape,
) -> Tensor:
    """Filter outputs (images, channels, *size) with the conjugates of their masks and add all up, weighted."""
    halves: dict[Shape, Tensor] = {}
    wholes: dict[Shape, Tensor] = {}
    for output, group, mask, weight in zip(outputs, groups, masks, weights, strict=True):
        spectra = fft.rfft2(output) if group.is_real else fft.fft2(output)
        spectra = cut(spectra, group.crop[0], -2)
        spectra = spectra[..., : mask.shape[-1]] if group.is_real else cut(spectra, group.crop[1], -1)
        products = spectra * mask.conj()
        total = products.sum(1) if products.shape[1] > 1 else products[:, 0]
        total = total if weight == 1 else total.mul_(weight)
        totals = halves if group.is_real else wholes
        totals[group.crop] = totals[group.crop].add_(total) if group.crop in totals else total
    images = [fft.irfft2(_united(halves, shape, True), s=shape)] if halves else []
    if wholes:
        images.append(fft.ifft2(_united(wholes, shape, False)).real)
    return images[0] + images[1] if len(images) > 1 else images[0].contiguous()


def _cropped(spectra: dict[Shape, Tensor], crop: Shape, half: bool) -> Tensor:
    """The lowest frequencies, from the smallest spectrum that holds them; kept for the next one."""
    if crop not in spectra:
        holding = spectra[min(shape for shape in spectra if shape[0] >= crop[0] and shape[1] >= crop[1])]
        columns = holding[..., : crop[1] // 2 + 1] if half else cut(holding, crop[1], -1)
        spectra[crop] = cut(columns, crop[0], -2)
    return spectra[crop]


def _padded(spectrum: Tensor, crop: Shape, size: Shape, half: bool) -> Tensor:
    """A spectrum of a larger size, zero beyond the frequencies given."""
    if crop == size:
        return spectrum
    larger = spectrum.new_zeros(*spectrum.shape[:-2], size[0], size[1] // 2 + 1 if half else size[1])
    return _added(spectrum, larger, half)


def _added(small: Tensor, large: Tensor, half: bool) -> Tensor:
    """Add a spectrum to a larger one, in place."""
    across = ends(small.shape[-1], small.shape[-1] if half else large.shape[-1])
    for own, target in ends(small.shape[-2], large.shape[-2]):
        for own_column, target_column in across:
            large[..., target, target_column].add_(small[..., own, own_column])
    return large


def _united(totals: dict[Shape, Tensor], shape: Shape, half: bool) -> Tensor:
    """Add spectra up to one of a shape, small to next larger ones, in place."""
    total: Tensor | None = None
    for crop in sorted({*totals, shape}):
        larger = totals.get(crop)
        if total is not None:
            larger = _padded(total, (-1, -1), crop, half) if larger is None else _added(total, larger, half)
        total = larger
    return torch.as_tensor(total)
