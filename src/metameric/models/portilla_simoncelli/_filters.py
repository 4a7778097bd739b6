"""The filters of the texture model on half spectra, real plane by real plane, and their adjoint.

Half spectra are those of ``rfft2``, transposed: (columns, rows), so that transforms down the columns run along memory.
`numbers` are their real and imaginary parts, interleaved. Complex bands are two real planes per orientation; the
filters of the real and of the imaginary part are real, but for a factor i of one of them.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import prod

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, fft

from metameric._core.linear import constants
from metameric.models.portilla_simoncelli._transform import highpass_amplitude, low_amplitude
from metameric.process.steerable._design import Design, halved
from metameric.process.steerable._masks import Profiles
from metameric.process.steerable._octaves import SLABS, Shape, added, cut

CACHE_BYTES = 2**20
"""Size of the planes transformed at a time on a CPU."""


class HalfFilters:
    """Real masks by name, built on first use, for real and imaginary parts of a transposed half spectrum.

    ("low", scale): (columns, rows), zero for the mean. ("band", scale): (planes, columns, rows). ("parent", scale):
    bands of the next coarser scale on the grid of this one, only the columns that they pass. ("highpass", 0): powers,
    once and as often as columns count.
    """

    def __init__(self, design: Design, profiles: Callable[[], Profiles]) -> None:
        self.design, self._profiles = design, profiles
        self._masks: dict[tuple[str, int, torch.dtype, torch.device], Tensor] = {}

    def size(self, scale: int) -> Shape:
        """Height and width of the images of a scale."""
        return halved(self.design.shape, scale)

    def mask(self, kind: str, scale: int, like: Tensor) -> Tensor:
        """One of the masks in the precision and on the device of real numbers."""
        key = (kind, scale, like.dtype, like.device)
        if key not in self._masks:
            with constants():
                mask = self._built(kind, scale).swapaxes(-1, -2).repeat(2, -1)
                self._masks[key] = torch.as_tensor(mask, device=like.device, dtype=like.dtype)
        return self._masks[key]

    def _built(self, kind: str, scale: int) -> ndarray:
        if kind == "highpass":
            power = (highpass_amplitude(self.design, self._profiles()) / prod(self.design.shape)) ** 2
            counted = power.copy()
            counted[:, 1 : (self.design.shape[1] + 1) // 2] *= 2
            return np.stack([power, counted])
        if kind == "low":
            low = low_amplitude(self.design, scale, self._profiles())
            low[0, 0] = 0
            return low
        if kind == "band":
            return self._parts(scale)
        rows, half = self.size(scale)[0], self.size(scale + 1)[0] // 2
        parts = self._parts(scale + 1)
        padded = np.zeros((*parts.shape[:1], rows, *parts.shape[2:]))
        padded[:, : parts.shape[1] - half] = parts[:, : parts.shape[1] - half]
        padded[:, rows - half :] = parts[:, parts.shape[1] - half :]
        return padded

    def _parts(self, scale: int) -> ndarray:
        """Masks of real parts, then of imaginary ones, those that are imaginary divided by i."""
        crop = self.design.crop(scale)
        band = complex(self.design.phase(scale)) * self.design.mask(scale, crop, self._profiles())
        mirrored = np.roll(band[:, ::-1, ::-1], 1, (1, 2)).conj()
        parts = [(band + mirrored) / 2, (band - mirrored) / 2j]
        rotated = [part.imag if turn else part.real for part, turn in zip(parts, self.turned, strict=True)]
        return np.concatenate(rotated)[..., : crop[1] // 2 + 1]

    @property
    def turned(self) -> tuple[bool, bool]:
        """Whether the masks of real and of imaginary parts have a factor i."""
        return (True, False) if self.design.order % 2 else (False, True)


def spectrum(planes: Tensor, columns: int | None = None, norm: str = "backward") -> Tensor:
    """Transposed half spectrum of planes, of the lowest columns only if given."""
    lines = fft.rfft(planes, norm=norm)
    return fft.fft(lines if columns is None else lines[..., :columns], dim=-2, norm=norm).mT


def plane(spectra: Tensor, columns: int, norm: str = "backward") -> Tensor:
    """Planes of transposed half spectra; missing columns are zero."""
    lines = fft.ifft(spectra, norm=norm)
    if lines.shape[-1] % 256 == 0 and lines.device.type == "cpu":
        # Transposing what is a power of two apart would find it all in one set of the cache: move it a little.
        lines = lines.new_empty(*lines.shape[:-1], lines.shape[-1] + 8)[..., :-8].copy_(lines)
    return fft.irfft(lines.mT, n=columns, norm=norm)


def numbers(spectra: Tensor) -> Tensor:
    """Real and imaginary parts, interleaved."""
    return spectra.view(spectra.dtype.to_real())


def spectral(interleaved: Tensor) -> Tensor:
    """Undo `numbers`."""
    return interleaved.view(interleaved.dtype.to_complex())


def cropped(spectra: dict[int, Tensor], scale: int) -> Tensor:
    """Spectrum of a scale's size, from that of the next finer one, kept at hand."""
    if scale not in spectra:
        finer = cropped(spectra, scale - 1)
        columns, rows = (finer.shape[-2] - 1) // 2 + 1, (finer.shape[-1] + 1) // 2
        spectra[scale] = cut(finer[..., :columns, :], rows, -1).contiguous()
    return spectra[scale]


def analyse(source: Tensor, mask: Tensor, turned: tuple[bool, bool], out: Tensor) -> None:
    """Filter spectra (images, columns, rows) into planes (images, planes, *size)."""
    low = source[:, : mask.shape[-2]]
    count = mask.shape[0] // 2
    if _small(out):
        # Real and imaginary parts at once: here calls take longer than what they compute.
        both = numbers(torch.stack([low * 1j if turn else low for turn in turned], 1))[:, :, None]
        filtered = spectral(both * mask.unflatten(0, (2, -1))).flatten(1, 2)
        out.copy_(plane(filtered, out.shape[-1]))
        return
    for index, turn in enumerate(turned):
        own = numbers(low * 1j if turn else low)[:, None]
        for part in _parts(index * count, count, out):
            out[:, part] = plane(spectral(own * mask[part]), out.shape[-1])


def adjoint(gradient: Tensor, mask: Tensor, turned: tuple[bool, bool], total: Tensor) -> None:
    """Add the spectra per pixel of planes, filtered once more with the conjugates of their masks, to a total."""
    columns, count = mask.shape[-2], mask.shape[0] // 2
    if _small(gradient):
        products = numbers(spectrum(gradient, columns, norm="forward")).mul_(mask).unflatten(1, (2, -1)).sum(2)
        for added, turn in zip(spectral(products).unbind(1), turned, strict=True):
            total[:, :columns].add_(added, alpha=-1j if turn else 1)
        return
    for index, turn in enumerate(turned):
        added = numbers(total[:, :columns])
        if turn:
            added = torch.zeros_like(added)
        for part in _parts(index * count, count, gradient):
            spectra = numbers(spectrum(gradient[:, part], columns, norm="forward"))
            for own, channel in zip(mask[part], spectra.unbind(1), strict=True):
                added.addcmul_(channel, own)
        if turn:
            total[:, :columns].add_(spectral(added), alpha=-1j)


def united(totals: dict[int, Tensor]) -> Tensor:
    """Add spectra up to one of the finest scale, which is changed, as are those between."""
    coarse_to_fine = sorted(totals, reverse=True)
    for scale, finer in pairwise(coarse_to_fine):
        added(totals[scale], totals[finer], True, SLABS)
    return totals[coarse_to_fine[-1]]


def _small(planes: Tensor) -> bool:
    """Whether real and imaginary planes fit in the cache together."""
    return planes.nbytes <= CACHE_BYTES


def _parts(start: int, count: int, planes: Tensor) -> Iterator[slice]:
    size = planes.shape[0] * prod(planes.shape[-2:]) * planes.element_size()
    step = max(1, CACHE_BYTES // size) if planes.device.type == "cpu" else count
    for first in range(start, start + count, step):
        yield slice(first, min(first + step, start + count))
