"""The filter bank by two-dimensional transforms in one go, which is what accelerators do fastest.

Spectra are (images, rows, columns), halves as those of ``rfft2``; masks are (filters, rows, columns) to match. On a CPU
`_passes` is faster, for it keeps to the cache.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, fft

from metameric.process.steerable._octaves import Shape, cropped, cut, padded, united

if TYPE_CHECKING:
    from metameric.process.steerable._bank import Filters

PLANES = (-1, -2)
"""Columns and rows of spectra (..., rows, columns)."""


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
        low = cropped(halves if group.is_real else wholes, group.crop, group.is_real, PLANES)
        product = low.unsqueeze(1) * mask
        if group.crop != group.size:
            product = padded(product, group.size, group.is_real, PLANES)
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
    images = [fft.irfft2(united(halves, shape, True, PLANES), s=shape)] if halves else []
    if wholes:
        images.append(fft.ifft2(united(wholes, shape, False, PLANES)).real)
    return images[0] + images[1] if len(images) > 1 else images[0].contiguous()
