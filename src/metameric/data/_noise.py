"""Noise with the spectra of natural images."""

import math

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import generator
from metameric._core.types import Image, Number
from metameric.data._polar import Device, Size, as_size
from metameric.data._stimuli import as_image, check_finite


def power_law_noise(
    size: Size,
    *,
    exponent: Number = 1.0,
    contrast: Number = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make Gaussian noise whose amplitude falls with spatial frequency f as 1 / f**exponent.

    Parameters
    ----------
    size
        Height and width in pixels; one number makes a square. The image is periodic: it can be tiled.
    exponent
        0 for white noise, 1 for pink, 2 for brown; -1000 to 1000. Natural images are near 1.
    contrast
        Largest deviation from 0.5 relative to 0.5, 0 to 1; the noise is scaled to it, not clipped.
    seed
        Same seed, same image, on every device.
    dtype, device
        Type and place of the tensor.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Field, D. J. (1987). Relations between the statistics of natural images and the response properties of
    cortical cells. JOSA A 4, 2379-2394.

    Examples
    --------
    >>> import metameric as mm
    >>> noise = mm.data.power_law_noise(64, contrast=0.5, seed=1)
    >>> noise.shape, round((noise - 0.5).abs().max().item(), 6)
    (torch.Size([1, 1, 64, 64]), 0.25)
    """
    if not abs(exponent) <= 1000:
        raise InputError(f"exponent is {exponent:g}; expected -1000 to 1000. Natural images are near 1.")
    radius, _ = _frequencies(as_size(size))
    return _shaped_noise(size, _power_law(radius, exponent), contrast, seed, dtype, device)


def pink_noise_texture(
    size: Size,
    *,
    orientation: Number = 0.0,
    bandwidth: Number = math.pi / 8,
    contrast: Number = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a texture of 1 / f noise whose energy lies around one orientation, like brushed metal or hair.

    Parameters
    ----------
    size, contrast, seed, dtype, device
        As for `power_law_noise`.
    orientation
        Direction in which the luminance varies most, in radians: 0 makes vertical streaks.
    bandwidth
        Spread of orientations, in radians: the concentration of the von Mises amplitude over angles is
        1 / (2 bandwidth)**2. At least 1e-6; large values give `power_law_noise`.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import metameric as mm
    >>> texture = mm.data.pink_noise_texture(32, seed=3)[0, 0]
    >>> bool(texture.diff(dim=1).square().mean() > 5 * texture.diff(dim=0).square().mean())
    True
    """
    if not bandwidth >= 1e-6:
        raise InputError(f"bandwidth is {bandwidth:g}; expected radians above zero, at least 1e-6.")
    check_finite(orientation=orientation)
    radius, angle = _frequencies(as_size(size))
    # Angles of frequencies are the same after half a turn, hence the doubled angle.
    selection = (torch.cos(2 * (angle - orientation)) - 1) / (2 * bandwidth) ** 2
    return _shaped_noise(size, _power_law(radius, 1.0) + selection, contrast, seed, dtype, device)


def _frequencies(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Radius (cycles per pixel) and angle of the frequencies of a real transform."""
    v = torch.fft.fftfreq(size[0], dtype=torch.float64)[:, None]
    u = torch.fft.rfftfreq(size[1], dtype=torch.float64)[None, :]
    return torch.hypot(u, v), torch.atan2(v, u)


def _power_law(radius: Tensor, exponent: Number) -> Tensor:
    """Logarithm of the amplitude. Without the mean, which `contrast` sets."""
    return torch.where(radius == 0, -math.inf, -exponent * radius.log())


def _shaped_noise(
    size: Size, log_amplitude: Tensor, contrast: Number, seed: int, dtype: torch.dtype, device: Device
) -> Image:
    height, width = as_size(size)
    if height * width < 2:
        raise InputError(f"size is {size}; expected at least two pixels of noise.")
    white = torch.randn(height, width, generator=generator(seed), dtype=torch.float64)
    # Only ratios of amplitudes count: the largest is 1, so that none overflows and not all underflow.
    amplitude = torch.exp(log_amplitude - log_amplitude.max())
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(height, width))
    return as_image(contrast * noise / noise.abs().max(), contrast, dtype, device)
