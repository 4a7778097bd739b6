"""What each band of a pyramid responds to, and the filters themselves."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import acos, degrees

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor, fft

from metameric.process.steerable import _masks
from metameric.process.steerable._arguments import Coefficients
from metameric.process.steerable._design import Design
from metameric.process.steerable._masks import Grid, Profiles


@dataclass(frozen=True)
class Band:
    """One band of a steerable pyramid; widths are full widths at half maximum of amplitude.

    Attributes
    ----------
    scale, orientation
        Where to find the band: ``coefficients[scale][..., orientation, :, :]``.
    angle
        Direction of the preferred frequency in degrees, from the horizontal axis towards the bottom of the image.
    peak_frequency
        Preferred frequency, cycles per pixel or per degree of visual angle.
    octave_bandwidth
        Width in log2 frequency.
    orientation_bandwidth
        Width in degrees of orientation; 180 if all orientations pass.
    extent_along, extent_across
        Widths of the envelope of the impulse response along `angle` and at right angles to it, pixels or degrees of
        visual angle.
    """

    scale: int
    orientation: int
    angle: float
    peak_frequency: float
    octave_bandwidth: float
    orientation_bandwidth: float
    extent_along: float
    extent_across: float


def describe(num_scales: int, order: int, twidth: float, pixels_per_degree: float | None) -> list[Band]:
    """One record per band, from fine to coarse."""
    resolution = 1.0 if pixels_per_degree is None else pixels_per_degree
    width = degrees(2 * acos(0.5 ** (1 / order))) if order else 180.0
    bands = []
    for scale in range(num_scales):
        peak, octaves = _radial_tuning(scale, twidth)
        along, across = _extents(scale, order, twidth)
        for index in range(order + 1):
            angle = 180 * index / (order + 1)
            size = (along / resolution, across / resolution)
            bands.append(Band(scale, index, angle, peak * resolution, octaves, width, *size))
    return bands


@lru_cache(maxsize=64)
def _radial_tuning(scale: int, twidth: float) -> tuple[float, float]:
    """Peak in cycles per pixel and width in octaves."""
    log_radius = np.linspace(-scale - 1 - twidth, -scale, 8193)
    amplitude = _masks.bandpass(log_radius, scale, twidth, Profiles())
    highest = amplitude.max()
    # A plateau, as narrow transitions have, is represented by its middle.
    top = log_radius[amplitude >= highest * (1 - 1e-12)]
    peak = (top[0] + top[-1]) / 2

    def excess(log_frequency: float) -> float:
        return float(_masks.bandpass(np.array([log_frequency]), scale, twidth, Profiles())[0] - highest / 2)

    lower, upper = brentq(excess, log_radius[0], peak), brentq(excess, peak, log_radius[-1])
    return float(2.0**peak / 2), float(upper - lower)


@lru_cache(maxsize=256)
def _extents(scale: int, order: int, twidth: float) -> tuple[float, float]:
    """Widths in pixels of the envelope of the analytic impulse response along and across its direction."""
    log_radius = np.linspace(-scale - 1 - twidth, -scale, 256)
    radius = np.pi * 2.0**log_radius
    angle = np.linspace(-np.pi / 2, np.pi / 2, 181)
    # The area element is r dr dangle, and dr is proportional to r in log frequency.
    weight = _masks.bandpass(log_radius, scale, twidth, Profiles()) * radius**2
    weighted = weight[:, None] * np.cos(angle) ** order
    along, across = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)

    def envelope(frequency: Grid) -> Callable[[float], float]:
        return lambda position: float(np.abs(np.sum(weighted * np.exp(1j * frequency * position))))

    return tuple(2 * _half_height(envelope(frequency), 2.0**scale) for frequency in (along, across))  # type: ignore[return-value]


def _half_height(envelope: Callable[[float], float], unit: float) -> float:
    half = envelope(0.0) / 2
    inner, outer = 0.0, unit / 4
    while envelope(outer) > half:
        inner, outer = outer, outer + unit / 4
    return float(brentq(lambda position: envelope(position) - half, inner, outer))


def filters(design: Design, profiles: Profiles, domain: str) -> Coefficients:
    """Filters on the whole grid of the image, centred, in the Fourier or the spatial domain."""
    result: Coefficients = OrderedDict()
    for name in design.names():
        is_band = isinstance(name, int)
        mask = torch.as_tensor(design.mask(name, design.shape, profiles))
        transfer = mask * complex(design.phase(name))
        response = transfer if domain == "fourier" else fft.ifft2(transfer)
        if domain == "spatial" and not (is_band and design.is_complex):
            response = response.real
        centred = _centred(response)
        result[name] = centred if is_band else centred.squeeze(0)
    return result


def _centred(plane: Tensor) -> Tensor:
    return fft.fftshift(plane, dim=(-2, -1)).contiguous()
