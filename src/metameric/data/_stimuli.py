"""Synthetic stimuli: periodic patterns and noise, (1, 1, height, width) with values in [0, 1] around 0.5.

Angles are in radians, clockwise from the x axis as rows go down; spatial frequencies in cycles per pixel.
Coordinates are pixels from the centre of the image, so that a phase of 0 puts a maximum there.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from metameric._core.counts import pair
from metameric._core.errors import InputError
from metameric._core.types import Image, Number
from metameric.data._polar import Device, Size, as_size

EDGE = 1e-9
"""Width of the edge between two checks, in checks: more than rounding, less than can be seen."""


def grating(
    size: Size,
    *,
    frequency: Number = 1 / 16,
    orientation: Number = 0.0,
    phase: Number = 0.0,
    contrast: Number = 1.0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a sinusoidal grating.

    Parameters
    ----------
    size
        Height and width in pixels; one number makes a square.
    frequency
        Cycles per pixel, 0 to 0.5.
    orientation
        Direction in which the luminance varies, in radians: 0 makes vertical stripes.
    phase
        Phase at the centre, in radians: 0 puts a maximum there.
    contrast
        Michelson contrast, 0 to 1.
    dtype, device
        Type and place of the tensor.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.grating(5, frequency=0.25)[0, 0, 0]
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    wave = contrast * _wave(size, frequency, orientation, phase)
    return as_image(wave, contrast, dtype, device)


def gabor(
    size: Size,
    *,
    frequency: Number = 1 / 16,
    orientation: Number = 0.0,
    phase: Number = 0.0,
    contrast: Number = 1.0,
    std: Number | None = None,
    aspect_ratio: Number = 1.0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a Gabor patch: a grating under a Gaussian window.

    Parameters
    ----------
    size, frequency, orientation, phase, contrast, dtype, device
        As for `grating`.
    std
        Standard deviation of the window along the direction of modulation, in pixels; an eighth of the shorter
        side by default.
    aspect_ratio
        How many times longer the window is along the stripes.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.gabor(5, frequency=0.25, std=2)[0, 0, 2]
    tensor([0.1967, 0.5000, 1.0000, 0.5000, 0.1967])
    """
    std = min(as_size(size)) / 8 if std is None else std
    if not (std > 0 and aspect_ratio > 0):
        raise InputError(f"std is {std:g} and aspect_ratio {aspect_ratio:g}; expected numbers above zero.")
    across, along = _rotated(size, orientation)
    window = torch.exp(-(across**2 + (along / aspect_ratio) ** 2) / (2 * std**2))
    return as_image(contrast * window * _wave(size, frequency, orientation, phase), contrast, dtype, device)


def plaid(
    size: Size,
    *,
    frequency: Number | Sequence[Number] = 1 / 16,
    orientation: Number | Sequence[Number] = (math.pi / 4, 3 * math.pi / 4),
    phase: Number | Sequence[Number] = 0.0,
    contrast: Number = 1.0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a plaid: two gratings, each of half the contrast, added.

    Parameters
    ----------
    size, frequency, orientation, phase, contrast, dtype, device
        As for `grating`, with one value per grating or one for both.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import math, metameric as mm
    >>> mm.data.plaid(5, frequency=0.25, orientation=(0, math.pi / 2))[0, 0, 2]
    tensor([0.5000, 0.7500, 1.0000, 0.7500, 0.5000])
    """
    first, second = zip(_pair(frequency), _pair(orientation), _pair(phase), strict=True)
    return as_image(contrast * (_wave(size, *first) + _wave(size, *second)) / 2, contrast, dtype, device)


def zone_plate(
    size: Size,
    *,
    frequency: Number = 0.5,
    phase: Number = 0.0,
    contrast: Number = 1.0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a zone plate: rings whose spatial frequency grows in proportion to the distance from the centre.

    Parameters
    ----------
    size, phase, contrast, dtype, device
        As for `grating`.
    frequency
        Cycles per pixel reached at half the shorter side, 0 to 0.5. In the corners it is higher.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.zone_plate(64)[0, 0, 32, 30:34]
    tensor([0.9962, 0.9998, 0.9998, 0.9962])
    """
    _check_frequency(frequency)
    check_finite(phase=phase)
    across, along = _rotated(size, 0.0)
    slope = frequency / (min(as_size(size)) / 2)
    wave = torch.cos(math.pi * slope * (across**2 + along**2) + phase)
    return as_image(contrast * wave, contrast, dtype, device)


def checkerboard(
    size: Size,
    *,
    frequency: Number = 1 / 32,
    orientation: Number = 0.0,
    phase: Number = 0.0,
    contrast: Number = 1.0,
    dtype: torch.dtype = torch.float32,
    device: Device = None,
) -> Image:
    """Make a checkerboard.

    Parameters
    ----------
    size, orientation, contrast, dtype, device
        As for `grating`.
    frequency
        Cycles per pixel along the sides of the checks, each of which is half a cycle; above 0, at most 0.5.
    phase
        Shift along both sides, in radians; at 0 the corner of four checks is at the centre.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.checkerboard(4, frequency=0.5)[0, 0, 0]
    tensor([1., 0., 1., 0.])
    """
    _check_frequency(frequency)
    check_finite(phase=phase)
    if frequency == 0:
        raise InputError("frequency is 0; expected above 0: checks have a size.")
    # Pixels on an edge go to one side of it, whichever way rounding went.
    checks = [torch.floor(2 * frequency * side + phase / math.pi + EDGE) for side in _rotated(size, orientation)]
    parity = (checks[0] + checks[1]).remainder(2)
    return as_image(contrast * (1 - 2 * parity), contrast, dtype, device)


def _rotated(size: Size, orientation: Number) -> tuple[Tensor, Tensor]:
    """Coordinates from the centre, along the given direction and a quarter turn further."""
    height, width = as_size(size)
    check_finite(orientation=orientation)
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64)[None, :] - (width - 1) / 2
    cosine, sine = math.cos(orientation), math.sin(orientation)
    return x * cosine + y * sine, y * cosine - x * sine


def _wave(size: Size, frequency: Number, orientation: Number, phase: Number) -> Tensor:
    _check_frequency(frequency)
    check_finite(phase=phase)
    across, _ = _rotated(size, orientation)
    return torch.cos(2 * math.pi * frequency * across + phase)


def check_finite(**numbers: Number) -> None:
    """Refuse NaN and infinity."""
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value:g}; expected a finite number.")


def _check_frequency(frequency: Number) -> None:
    if not 0 <= frequency <= 0.5:
        raise InputError(
            f"frequency is {frequency:g} cycles per pixel; expected 0 to 0.5, the highest a grid can show."
        )


def _pair(value: Number | Sequence[Number]) -> tuple[Number, Number]:
    both = pair(value)
    if len(both) != 2:
        raise InputError(f"a plaid has two gratings; expected one or two values, found {value}.")
    return both[0], both[1]


def as_image(deviation: Tensor, contrast: Number, dtype: torch.dtype, device: Device) -> Image:
    """Turn deviations in [-1, 1] into an image. Everything before is float64 on the CPU, alike for every device."""
    if not 0 <= contrast <= 1:
        raise InputError(f"contrast is {contrast:g}; expected 0 to 1.")
    if not dtype.is_floating_point:
        raise InputError(f"dtype is {dtype}; expected a floating point type, such as torch.float32.")
    return (0.5 + 0.5 * deviation).clamp(0, 1)[None, None].to(device=device, dtype=dtype)
