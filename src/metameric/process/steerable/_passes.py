"""The filter bank by two passes of one-dimensional transforms, plane by plane, which is how a CPU filters large images.

Spectra are (columns, rows), halves or wholes, and masks (filters, columns, rows) to match. With the columns first, the
pass along the height reads and writes contiguous numbers, and the pass along the width, which must stride, leaves
contiguous rows. Rows of 1 KiB and its multiples would compete for the same few lines of the cache, at two to four times
the cost: between the passes they are padded. Both passes go in slabs that fit the cache.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fft

from metameric._core.memory import empty
from metameric.process.steerable._octaves import SLABS, Shape, cropped, ends

if TYPE_CHECKING:
    from metameric.process.steerable._bank import Filters

SMALL = 2**14
"""Numbers up to which a single two-dimensional transform of all planes is quicker."""
SLAB = 2**16
"""Numbers transformed at a time, as found by trying."""


def analyse(images: Tensor, groups: "Sequence[Filters]", masks: Sequence[Tensor]) -> list[Tensor]:
    """Filter images (images, height, width); outputs are (images, channels, *size)."""
    shape = (images.shape[-2], images.shape[-1])
    results = [
        empty((len(images), group.channels, *group.size), images, images.dtype if group.is_real else mask.dtype)
        for group, mask in zip(groups, masks, strict=True)
    ]
    for number, image in enumerate(images):
        # The transform along the height leaves its lines one after the other in memory: a view turns them to columns.
        halves: dict[Shape, Tensor] = {shape: fft.fft(fft.rfft(image), dim=-2).T}
        wholes: dict[Shape, Tensor] = {}
        if not all(group.is_real for group in groups):
            wholes[shape] = _whole(halves[shape], shape[1])
        for result, group, mask in zip(results, groups, masks, strict=True):
            spectrum = cropped(halves if group.is_real else wholes, group.crop, group.is_real, SLABS)
            _filter(spectrum, mask, group, result[number])
    return results


def _filter(spectrum: Tensor, masks: Tensor, group: "Filters", planes: Tensor) -> None:
    """Write the planes (channels, *size) that masks make of a spectrum."""
    height, width = group.size
    if planes.numel() <= SMALL and group.crop == group.size:
        product = (spectrum * masks).mT
        planes.copy_(fft.irfft2(product, s=group.size) if group.is_real else fft.ifft2(product))
        return
    columns = len(spectrum)
    kept = columns if group.is_real else width
    crossed = _between(kept, height, spectrum)
    crossed[columns - columns // 2 : kept - columns // 2] = 0
    for mask, plane in zip(masks, planes, strict=True):
        for own, target in ends(columns, kept):
            for slab in _slabs(own, height):
                there = slice(slab.start + target.start - own.start, slab.stop + target.start - own.start)
                crossed[there] = _first_pass(spectrum[slab], mask[slab], height)
        for slab in _slabs(slice(0, height), kept):
            part = crossed[:, slab]
            plane[slab] = (fft.irfft(part, n=width, dim=0) if group.is_real else fft.ifft(part, dim=0)).T


def _first_pass(spectrum: Tensor, mask: Tensor, height: int) -> Tensor:
    """Transforms along the height."""
    columns, rows = spectrum.shape
    if rows == height:
        return fft.ifft(spectrum * mask)
    product = spectrum.new_zeros(columns, height)
    for own, target in ends(rows, height):
        torch.mul(spectrum[:, own], mask[:, own], out=product[:, target])
    return fft.ifft(product)


def _whole(half: Tensor, columns: int) -> Tensor:
    """Whole spectrum of a real plane from its half."""
    held = len(half)
    result = empty((columns, half.shape[1]), half, half.dtype)
    result[:held] = half
    mirrored = half[1 : columns - held + 1].flip(0, -1)
    result[held:, 1:] = mirrored[:, :-1].conj()
    result[held:, :1] = mirrored[:, -1:].conj()
    return result


def _between(rows: int, columns: int, like: Tensor) -> Tensor:
    """Memory for what goes from one pass to the other, padded where its rows would be in each other's way."""
    padding = 8 if columns * like.dtype.itemsize % 1024 == 0 else 0
    return empty((rows, columns + padding), like, like.dtype)[:, :columns]


def _slabs(span: slice, elements: int) -> Iterator[slice]:
    """Parts of a span whose entries have so many elements each."""
    step = max(1, SLAB // elements)
    for first in range(span.start, span.stop, step):
        yield slice(first, min(first + step, span.stop))
