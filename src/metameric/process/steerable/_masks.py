"""Masks of the steerable pyramid, on unshifted frequency grids (zero frequency first).

The radial masks are raised cosines in log frequency, the angular ones powers of a cosine (Simoncelli & Freeman 1995;
Karasaridis & Simoncelli 1996). Frequency 1 is the Nyquist frequency of the image, at every scale.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, sqrt

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

Grid = Float64[ndarray, "..."]
RaisedCosine = Callable[[Grid, float], tuple[Grid, Grid]]
AngularPower = Callable[[Grid, int], Grid]


def raised_cosine(log_frequency: Grid, width: float) -> tuple[Grid, Grid]:
    """Low-pass and high-pass amplitude of a split that ends at ``log_frequency = 0``, ``width`` octaves wide."""
    phase = np.pi / 2 * np.clip(1 + log_frequency / width, 0, 1)
    # At the top of the transition cos(pi/2) is 6e-17; the Nyquist frequency must be stopped exactly.
    return np.where(log_frequency >= 0, 0.0, np.cos(phase)), np.sin(phase)


def angular_power(angle: Grid, order: int) -> Grid:
    r"""Return :math:`\cos^{order}` scaled so that the squares of order + 1 equally turned copies sum to one."""
    scale = 2**order * factorial(order) / sqrt((order + 1) * factorial(2 * order))
    return scale * np.cos(angle) ** order


@dataclass(frozen=True)
class Profiles:
    """The two one-dimensional functions all masks are made of; replace them to sample masks as other software does."""

    radial: RaisedCosine = raised_cosine
    angular: AngularPower = angular_power


def polar_grid(shape: tuple[int, int], crop: tuple[int, int]) -> tuple[Grid, Grid]:
    """Log2 radius and angle of the lowest ``crop`` frequencies of an image of ``shape``, unshifted."""
    vertical, horizontal = (np.fft.fftfreq(kept, 1 / kept) / (full / 2) for full, kept in zip(shape, crop, strict=True))
    radius = np.hypot(vertical[:, None], horizontal)
    with np.errstate(divide="ignore"):
        return np.log2(radius), np.arctan2(vertical[:, None], horizontal)


def octave(low_edge: Grid, level: int, width: float, profiles: Profiles) -> tuple[Grid, Grid]:
    """Low-pass and high-pass amplitude of the split ``level`` octaves below the Nyquist frequency."""
    # At zero frequency the logarithm is -inf; the formulas give low-pass 1 there, but not inside a table.
    return profiles.radial(np.maximum(low_edge + level, -1e3), width)


def lowpass(log_radius: Grid, level: int, width: float, profiles: Profiles) -> Grid:
    """Amplitude that is left after the splits 0 to ``level`` inclusive."""
    amplitude = np.ones_like(log_radius)
    for step in range(level + 1):
        amplitude = amplitude * octave(log_radius, step, width, profiles)[0]
    return amplitude


def bandpass(log_radius: Grid, scale: int, width: float, profiles: Profiles) -> Grid:
    """Radial amplitude of the bands of ``scale``: below splits 0 to ``scale``, above split ``scale + 1``."""
    below = lowpass(log_radius, scale, width, profiles)
    return below * octave(log_radius, scale + 1, width, profiles)[1]


def orientations(angle: Grid, order: int, profiles: Profiles) -> Grid:
    """Angular amplitudes of the ``order + 1`` orientations, stacked in front."""
    turns = np.pi * np.arange(order + 1) / (order + 1)
    return np.stack([profiles.angular(angle - turn, order) for turn in turns])


def half_planes(angle: Grid, order: int) -> Grid:
    """One on the side of each orientation's preferred direction, zero opposite; each frequency pair is counted once."""
    turns = np.pi * np.arange(order + 1)[:, None, None] / (order + 1)
    # The half-open interval keeps one of two opposite frequencies on the dividing line.
    offset = np.mod(angle - turns + np.pi, 2 * np.pi) - np.pi
    return np.asarray((offset > -np.pi / 2) & (offset <= np.pi / 2), dtype=np.float64)
