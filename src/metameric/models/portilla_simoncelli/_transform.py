"""The linear part of the texture model: pyramid bands, their parents on the same grid, and low-pass images."""

from collections.abc import Callable, Hashable
from functools import partial

import numpy as np
from numpy import ndarray

from metameric.process.steerable import _masks
from metameric.process.steerable._bank import FilterBank, Filters
from metameric.process.steerable._design import Design, halved
from metameric.process.steerable._masks import Grid, Profiles


def texture_bank(design: Design, profiles: Callable[[], Profiles]) -> FilterBank:
    """Bank with the groups ("low", scale), ("band", scale) and ("parent", scale).

    Low-pass images are the partial reconstructions of the paper: filtered on the way down and again on the way up.
    Parents are the complex bands of the next coarser scale, whose spectra padded with zeros interpolate them.
    """
    groups: dict[Hashable, Filters] = {}
    for scale in range(design.num_scales + 1):
        size = halved(design.shape, scale)
        groups["low", scale] = Filters(partial(_low, design, scale, profiles), 1, size, size, kind="single")
    channels = 2 * (design.order + 1)
    for scale in range(design.num_scales):
        size = halved(design.shape, scale)
        mask = partial(_band, design, scale, profiles)
        groups["band", scale] = Filters(mask, channels, size, size, kind="pair")
        if scale:
            groups["parent", scale - 1] = Filters(mask, channels, size, halved(design.shape, scale - 1), kind="pair")
    return FilterBank(design.shape, groups)


def low_amplitude(design: Design, scale: int, profiles: Profiles) -> Grid:
    """Amplitudes, on the half spectrum, of the low-pass residual and all bands from a scale on, put together."""
    size = halved(design.shape, scale)
    log_radius, angle = (grid[:, : size[1] // 2 + 1] for grid in _masks.polar_grid(design.shape, size))
    amplitude = _masks.lowpass(log_radius, design.num_scales, design.twidth, profiles) ** 2
    # With exact masks the angular sum is one and the total lowpass(scale) ** 2; sampled masks leave it to the sum.
    angular = (_masks.orientations(angle, design.order, profiles) ** 2).sum(0)
    for level in range(scale, design.num_scales):
        amplitude = amplitude + angular * _masks.bandpass(log_radius, level, design.twidth, profiles) ** 2
    return amplitude


def highpass_amplitude(design: Design, profiles: Profiles) -> Grid:
    """Amplitudes of the high-pass residual on the half spectrum."""
    log_radius, _ = _masks.polar_grid(design.shape, design.shape)
    return _masks.octave(log_radius, 0, design.twidth, profiles)[1][:, : design.shape[1] // 2 + 1]


def _low(design: Design, scale: int, profiles: Callable[[], Profiles]) -> Grid:
    return low_amplitude(design, scale, profiles())[None]


def _band(design: Design, scale: int, profiles: Callable[[], Profiles]) -> ndarray:
    mask = design.mask(scale, design.crop(scale), profiles())
    return np.asarray(complex(design.phase(scale)) * mask)
