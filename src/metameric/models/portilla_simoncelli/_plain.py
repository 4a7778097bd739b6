"""Raw moments by differentiable operations only, with any kind of derivative; `_fused` gives the same, faster."""

from math import prod

import torch
from torch import Tensor

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._filters import HalfFilters
from metameric.models.portilla_simoncelli._slots import Slots
from metameric.process.steerable._bank import FilterBank


def raw_moments(slots: Slots, filters: HalfFilters, bank: FilterBank, images: Tensor) -> Tensor:
    """Raw moments (..., slots) of images (..., height, width)."""
    names = [("low", s) for s in slots.lows] + [("band", s) for s in slots.bands]
    names += [("parent", s) for s in slots.parents]
    outputs = dict(zip(names, bank.analyse(images, names), strict=True)) if names else {}
    values = [_of_pixels(images)]
    if slots.highpass:
        weight = filters.mask("highpass", 0, images)[1, :, ::2].mT * prod(images.shape[-2:]) ** 2
        values.append((statistics.power_spectrum(images) * weight).sum((-2, -1))[..., None])
    for scale in slots.lows:
        low = outputs["low", scale].squeeze(-3)
        _, third, fourth = statistics.central_moments(low)
        values += [_lags(low, slots.width).flatten(-2), third[..., None], fourth[..., None]]
    for scale in slots.bands:
        band, parent = outputs["band", scale], outputs.get(("parent", scale))
        values += [value.flatten(images.ndim - 2) for value in _of_band(slots, band, parent)]
    return torch.cat(values, -1)


def _lags(planes: Tensor, width: int) -> Tensor:
    lags = statistics.autocovariance(statistics.power_spectrum(planes), planes.shape[-1], width)
    return lags[..., width // 2 :].mT


def _of_pixels(images: Tensor) -> Tensor:
    count = prod(images.shape[-2:])
    second, third, fourth = statistics.central_moments(images)
    variance = second * (count / max(count - 1, 1))
    low, high = images.amin((-2, -1)), images.amax((-2, -1))
    return torch.stack([images.mean((-2, -1)), variance, third, fourth, low, high], -1)


def _of_band(slots: Slots, band: Tensor, parent: Tensor | None) -> list[Tensor]:
    """Moments of planes (..., 2 * orientation, height, width), in the order of `Slots`."""
    cross, square = statistics.cross_moment, statistics.second_moment
    coefficients = band.unflatten(-3, (2, -1))
    m = statistics.magnitude(coefficients)
    own = [_lags(m, slots.width), m.mean((-2, -1)), cross(m, m)]
    if parent is None:
        return own
    phases = statistics.phase_doubled(parent.unflatten(-3, (2, -1)))
    a, p, u = coefficients.select(-4, 0), phases.select(-4, 0), phases.narrow(-4, 1, 2).flatten(-4, -3)
    return [*own, p.mean((-2, -1)), square(u), square(a), cross(m, p), cross(a, u)]
