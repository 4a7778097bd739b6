"""Two-dimensional Fourier transforms in two passes, by way of half or whole spectra (columns, planes, rows).

With the columns first, the pass along the height reads and writes contiguous numbers, and the pass along the width,
which must stride, leaves contiguous rows. Rows of 1 KiB and its multiples would compete for the same few lines of the
cache, at two to four times the cost: between the passes they are padded. Large planes are worked on in slabs that fit
the cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, fft

from metameric._core.memory import empty
from metameric.process.steerable._octaves import ends

SMALL = 2**14
"""Numbers up to which a single two-dimensional transform is quicker."""


def cached(like: Tensor) -> int:
    """Numbers worked on at a time on a CPU, as found by trying."""
    return 2**18 if like.dtype.itemsize <= (8 if like.is_complex() else 4) else 2**16


def parts(count: int, elements: int, like: Tensor) -> list[slice]:
    """Slices of `count` planes of so many elements, to be transformed together; all of them on other devices."""
    step = count if like.device.type != "cpu" else max(1, cached(like) // elements)
    return [slice(start, min(start + step, count)) for start in range(0, count, max(1, step))]


def invert(
    spectrum: Tensor, mask: Tensor | None, size: tuple[int, int], real: bool, out: Tensor | None = None
) -> Tensor:
    """Inverse transforms of masked spectra.

    Parameters
    ----------
    spectrum
        Half (if real) or whole spectra, shape (columns, images, rows).
    mask
        Shape (columns, filters, rows). Without one, the spectrum's conjugates are transformed.
    size
        Height and width of the planes: at least the number of rows and columns.
    out
        Where to write the planes, contiguous. Without it they may be new.

    Returns
    -------
    planes
        Shape (images * filters, *size).
    """
    (columns, images, rows), (height, width) = spectrum.shape, size
    count = images * (1 if mask is None else mask.shape[1])
    if out is None and mask is not None and rows == height and width * height * count <= SMALL:
        product = spectrum.unsqueeze(2) * mask.unsqueeze(1)
        planes = product.flatten(1, 2).permute(1, 2, 0)
        return fft.irfft2(planes, s=size) if real else fft.ifft2(planes)
    kept = columns if real else width
    crossed = _between(kept, count * height, spectrum)
    if columns < kept:
        crossed[columns - columns // 2 : kept - columns // 2] = 0
    for own, target in ends(columns, kept):
        for slab in _slabs(own, count * height, spectrum):
            passed = _first_pass(spectrum[slab], None if mask is None else mask[slab], height)
            crossed[target][slab.start - own.start : slab.stop - own.start] = passed
    lines = list(_slabs(slice(0, count * height), kept, spectrum))
    for slab in lines:
        part = crossed[:, slab]
        plane = (fft.irfft(part, n=width, dim=0) if real else fft.ifft(part, dim=0)).T
        if out is None and len(lines) == 1:
            return plane.unflatten(0, (count, height))
        if out is None:
            out = empty((count, height, width), spectrum, plane.dtype)
        out.view(-1, width)[slab] = plane
    return torch.as_tensor(out)


def _first_pass(spectrum: Tensor, mask: Tensor | None, height: int) -> Tensor:
    """Transforms along the height, (columns, planes * height)."""
    if mask is None:
        return fft.fft(spectrum, norm="forward").conj().flatten(1)
    columns, images, rows = spectrum.shape
    factors = spectrum.unsqueeze(2), mask.unsqueeze(1)
    product = empty((columns, images, mask.shape[1], height), spectrum, spectrum.dtype)
    if rows < height:
        product[..., rows - rows // 2 : height - rows // 2] = 0
    for own, target in ends(rows, height):
        torch.mul(factors[0][..., own], factors[1][..., own], out=product[..., target])
    return fft.ifft(product).flatten(1)


def spectra(planes: Tensor, crop: tuple[int, int], conjugate: bool) -> Iterator[tuple[slice, Tensor]]:
    """Transform planes, in one slab of columns after the other.

    Parameters
    ----------
    planes
        Shape (planes, height, width).
    crop
        Number of rows and columns to keep, the lowest frequencies.
    conjugate
        Whether to transform to conjugates.

    Yields
    ------
    columns, spectrum
        Which columns, and these of the half (of real planes) or whole spectra, shape (planes, columns, rows).
    """
    count, height, width = planes.shape
    if crop == (height, width) and planes.numel() <= SMALL:
        spectrum = (fft.fft2(planes) if planes.is_complex() else fft.rfft2(planes)).mT
        yield slice(0, spectrum.shape[1]), spectrum.conj_physical_() if conjugate else spectrum
        return
    if planes.is_complex():
        kept, blocks = crop[1], ends(crop[1], width)
    else:
        kept = crop[1] // 2 + 1
        blocks = ends(kept, kept)
    crossed = _between(height, count * kept, planes)
    target = crossed.unflatten(1, (count, kept))
    for slab in _slabs(slice(height), count * width, planes):
        lines = planes[:, slab]
        passed = (fft.fft(lines) if planes.is_complex() else fft.rfft(lines)).transpose(0, 1)
        for own, wide in blocks:
            target[slab, :, own] = passed[..., wide].conj() if conjugate else passed[..., wide]
    for slab in _slabs(slice(kept), count * height, planes):
        part = target[:, :, slab].flatten(1)
        passed = (fft.ifft(part, dim=0, norm="forward") if conjugate else fft.fft(part, dim=0)).T
        spectrum = passed.unflatten(0, (count, -1))
        if crop[0] < height:
            spectrum = torch.cat([spectrum[..., wide] for _, wide in ends(crop[0], height)], -1)
        yield slab, spectrum


def whole(half: Tensor, columns: int) -> Tensor:
    """Whole spectra of real planes from their halves, both (columns, planes, rows)."""
    held = half.shape[0]
    result = empty((columns, *half.shape[1:]), half, half.dtype)
    result[:held] = half
    _mirror(half[1 : columns - held + 1], result[held:])
    return result


def folded(spectrum: Tensor) -> Tensor:
    """Half spectra of the real parts of planes from their whole spectra, both (columns, planes, rows), in place."""
    columns = spectrum.shape[0]
    half = columns // 2
    mirrored = torch.empty_like(spectrum[: half + 1])
    _mirror(spectrum[:1], mirrored[:1])
    _mirror(spectrum[columns - half :], mirrored[1:])
    return spectrum[: half + 1].add_(mirrored).mul_(0.5)


def _mirror(spectrum: Tensor, out: Tensor) -> None:
    """Write conjugates at opposite frequencies: columns from the last to the first, rows but the first likewise."""
    flipped = spectrum.flip(0, -1)
    out[..., 1:] = flipped[..., :-1].conj()
    out[..., :1] = flipped[..., -1:].conj()


def _between(rows: int, columns: int, like: Tensor) -> Tensor:
    """Memory for what goes from one pass to the other, padded where its rows would be in each other's way."""
    dtype = like.dtype.to_complex()
    padding = 8 if columns * dtype.itemsize % 1024 == 0 else 0
    return empty((rows, columns + padding), like, dtype)[:, :columns]


def _slabs(span: slice, elements: int, like: Tensor) -> Iterator[slice]:
    """Parts of a span whose entries have so many elements each."""
    start, stop = span.start or 0, span.stop
    step = stop - start
    if like.device.type == "cpu":
        step = min(step, max(1, cached(like) // elements))
    for first in range(start, stop, max(1, step)):
        yield slice(first, min(first + step, stop))
