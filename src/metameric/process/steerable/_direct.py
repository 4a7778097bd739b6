"""The filter bank by two-dimensional transforms in one go.

Spectra are (images, rows, columns), halves as those of ``rfft2``; masks are (filters, rows, columns) to match. Of large
images a CPU has the outputs sooner from `_passes`, which keeps to the cache.
"""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from torch import Tensor, fft

from metameric._core.memory import empty
from metameric.process.steerable._octaves import PLANES, Shape, cropped, cut, lowest, padded, united

if TYPE_CHECKING:
    from metameric.process.steerable._bank import Filters

LARGEST = 2**16
"""Numbers in the largest plane up to which a CPU filters faster this way, as found by trying."""
AT_ONCE = 2**24
"""Bytes of spectra that a CPU transforms at a time."""
FEW = 2**14
"""Numbers in a plane up to which a CPU collects all outputs together faster than one after the other."""


def analyse(images: Tensor, groups: "Sequence[Filters]", masks: Sequence[Tensor]) -> list[Tensor]:
    """Filter images (images, height, width); outputs are (images, channels, *size)."""
    shape = (images.shape[-2], images.shape[-1])
    halves: dict[Shape, Tensor] = {}
    wholes: dict[Shape, Tensor] = {}
    if not all(group.is_real for group in groups):
        wholes[shape] = fft.fft2(images)
    if any(group.is_real for group in groups):
        halves[shape] = wholes[shape][..., : shape[1] // 2 + 1] if wholes else fft.rfft2(images)
    return [
        _filter(cropped(halves if group.is_real else wholes, group.crop, group.is_real, PLANES), group, mask)
        for group, mask in zip(groups, masks, strict=True)
    ]


def _filter(spectra: Tensor, group: "Filters", mask: Tensor) -> Tensor:
    """Outputs (images, channels, *size) of spectra (images, rows, columns)."""
    count = len(spectra)
    step = max(1, AT_ONCE // _bytes(group, spectra)) if count > 1 and spectra.device.type == "cpu" else count
    if step >= count:
        return _inverse(spectra, group, mask)
    dtype = spectra.real.dtype if group.is_real else spectra.dtype
    result = empty((count, group.channels, *group.size), spectra, dtype)
    for start in range(0, count, step):
        result[start : start + step] = _inverse(spectra[start : start + step], group, mask)
    return result


def _bytes(group: "Filters", like: Tensor) -> int:
    """What the outputs of one image come by way of; half spectra are copied twice."""
    return group.channels * prod(group.size) * like.element_size() * (3 if group.is_real else 2) // 2


def _inverse(spectra: Tensor, group: "Filters", mask: Tensor) -> Tensor:
    product = spectra.unsqueeze(1) * mask
    if group.crop != group.size:
        product = padded(product, group.size, group.is_real, PLANES)
    return fft.irfft2(product, s=group.size) if group.is_real else fft.ifft2(product)


def synthesise(
    outputs: Sequence[Tensor],
    groups: "Sequence[Filters]",
    conjugates: Sequence[Tensor],
    weights: Sequence[float],
    shape: Shape,
) -> Tensor:
    """Filter outputs (images, channels, *size) with the conjugates of their masks and add all up, weighted."""
    halves: dict[Shape, Tensor] = {}
    wholes: dict[Shape, Tensor] = {}
    for output, group, conjugate, weight in zip(outputs, groups, conjugates, weights, strict=True):
        total = _collected(output, group, conjugate, weight)
        totals = halves if group.is_real else wholes
        totals[group.crop] = totals[group.crop].add_(total) if group.crop in totals else total
    if not wholes:
        return fft.irfft2(united(halves, shape, True, PLANES), s=shape).contiguous()
    whole = united(wholes, shape, False, PLANES)
    if halves:
        _add_half(united(halves, shape, True, PLANES), whole)
    return fft.ifft2(whole).real.contiguous()


def _collected(output: Tensor, group: "Filters", conjugate: Tensor, weight: float) -> Tensor:
    """Spectra (images, rows, columns) of the outputs, masked once more and added up, weighted."""
    if len(conjugate) > 1 and output.device.type == "cpu" and prod(group.size) > FEW:
        total = empty((len(output), *conjugate.shape[1:]), output, conjugate.dtype).zero_()
        for own, planes in zip(total, output, strict=True):
            for plane, factor in zip(planes, conjugate, strict=True):
                own.addcmul_(_spectra(plane, group, factor.shape[-1]), factor, value=weight)
        return total
    products = _spectra(output, group, conjugate.shape[-1]) * conjugate
    total = products.sum(1) if len(conjugate) > 1 else products.squeeze(1)
    return total if weight == 1 else total.mul_(weight)


def _spectra(planes: Tensor, group: "Filters", columns: int) -> Tensor:
    """Half or whole spectra of outputs, the frequencies that the group passes."""
    if group.is_real:
        return cut(fft.rfft2(planes)[..., :columns], group.crop[0], -2)
    return lowest(fft.fft2(planes), (-2, -1), group.crop)


def _add_half(half: Tensor, whole: Tensor) -> None:
    """Add to whole spectra what has the same real part, after transformation, as half spectra have."""
    inner = slice(1, (whole.shape[-1] + 1) // 2)
    for columns, times in ((slice(0, 1), 1), (inner, 2), (slice(inner.stop, half.shape[-1]), 1)):
        whole[..., columns].add_(half[..., columns], alpha=times)
