"""Enlarging and shrinking in the Fourier domain."""

import torch
from jaxtyping import Inexact
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.none import are_none, of_none
from metameric._core.types import Number

Signal = Inexact[Tensor, "*lead height width"]


def expand(x: Signal, factor: Number) -> Inexact[Tensor, "*lead large_height large_width"]:
    """Enlarge by putting the spectrum into a larger one, filled with zeros (band-limited interpolation).

    Parameters
    ----------
    x
        Shape (..., height, width), real or complex.
    factor
        Above 1; factor x height and factor x width must be whole.

    Raises
    ------
    ValueError
        If the factor is not above 1 or a new size is not whole.

    Notes
    -----
    Pixels of the input keep their values for an odd size. An even size has one frequency, at half a cycle per pixel,
    whose sign is unknown: its amplitude is halved between both signs, mirrored rather than conjugated, so that a real
    image keeps the real part of that row and column of its spectrum (as plenoptic does).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.expand(torch.rand(1, 1, 8, 6), 1.5).shape
    torch.Size([1, 1, 12, 9])
    """
    size = _new_size(x, factor, factor)
    if are_none(x):
        return of_none(lambda zeros: expand(zeros, factor), x)
    gain = (size[0] / x.shape[-2]) * (size[1] / x.shape[-1])
    spectrum = torch.fft.fft2(x) * gain
    rows = _append_nyquist(spectrum, -2, -1)
    both = _append_nyquist(rows, -1, -2)
    return _inverse(_insert(_insert(both, -2, size[0]), -1, size[1]), x)


def shrink(x: Signal, factor: Number) -> Inexact[Tensor, "*lead small_height small_width"]:
    """Shrink by keeping the low frequencies of the spectrum: an ideal low-pass filter, then every n-th pixel.

    Parameters
    ----------
    x
        Shape (..., height, width), real or complex.
    factor
        Above 1; height / factor and width / factor must be whole.

    Raises
    ------
    ValueError
        If the factor is not above 1 or a new size is not whole.

    Notes
    -----
    At the highest frequency of an even new size, the amplitudes of both signs are averaged.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.shrink(torch.ones(1, 1, 8, 4), 2)
    tensor([[[[1., 1.],
              [1., 1.],
              [1., 1.],
              [1., 1.]]]])
    """
    size = _new_size(x, factor, 1 / factor if factor else 0.0)
    if are_none(x):
        return of_none(lambda zeros: shrink(zeros, factor), x)
    gain = (size[0] / x.shape[-2]) * (size[1] / x.shape[-1])
    spectrum = torch.fft.fft2(x) * gain
    return _inverse(_keep_low(_keep_low(spectrum, -2, size[0]), -1, size[1]), x)


def _new_size(x: Tensor, factor: Number, ratio: Number) -> tuple[int, int]:
    if x.ndim < 2:
        raise InputError(f"x has shape {tuple(x.shape)}; expected (..., height, width).")
    if not factor > 1:
        raise InputError(f"factor is {factor}; expected a number above 1.")
    size = [n * ratio for n in x.shape[-2:]]
    if any(abs(s - round(s)) > 1e-9 * s or round(s) < 1 for s in size):
        raise InputError(
            f"factor {factor} turns {x.shape[-2]} x {x.shape[-1]} pixels into {size[0]:g} x {size[1]:g}; "
            "expected whole numbers. Crop or pad the image, or choose another factor."
        )
    return round(size[0]), round(size[1])


def _append_nyquist(spectrum: Tensor, dim: int, other: int) -> Tensor:
    """Give an even axis both signs of its highest frequency, the positive one mirrored along the other axis."""
    n = spectrum.shape[dim]
    if n % 2:
        return spectrum
    half = spectrum.narrow(dim, n // 2, 1) / 2
    m = spectrum.shape[other]
    # With the other axis extended already, frequencies run 0 .. N, -N .. -1 instead of 0 .. N - 1, -N .. -1.
    mirror = (-torch.arange(m, device=spectrum.device)) % m
    positive = half.index_select(other, mirror)
    low, high = spectrum.narrow(dim, 0, n // 2), spectrum.narrow(dim, n // 2 + 1, n // 2 - 1)
    return torch.cat([low, positive, half, high], dim)


def _insert(spectrum: Tensor, dim: int, n: int) -> Tensor:
    """Put zeros between positive and negative frequencies until the axis is `n` long."""
    m = spectrum.shape[dim]
    shape = list(spectrum.shape)
    shape[dim] = n - m
    positive, negative = spectrum.narrow(dim, 0, (m + 1) // 2), spectrum.narrow(dim, (m + 1) // 2, m // 2)
    return torch.cat([positive, spectrum.new_zeros(shape), negative], dim)


def _keep_low(spectrum: Tensor, dim: int, n: int) -> Tensor:
    m, low = spectrum.shape[dim], (n - 1) // 2
    positive, negative = spectrum.narrow(dim, 0, low + 1), spectrum.narrow(dim, m - low, low)
    if n % 2:
        return torch.cat([positive, negative], dim)
    highest = (spectrum.narrow(dim, n // 2, 1) + spectrum.narrow(dim, m - n // 2, 1)) / 2
    return torch.cat([positive, highest, negative], dim)


def _inverse(spectrum: Tensor, like: Tensor) -> Tensor:
    image = torch.fft.ifft2(spectrum)
    return image if like.is_complex() else image.real
