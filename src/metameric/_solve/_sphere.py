"""Curved sets of stimuli: given mean and contrast, given norm, given power spectrum, given pixels."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.tensors import norm, rows, spread
from metameric._core.types import Number


class Projected(ABC):
    """A set on which one moves by going straight and coming back to the nearest point."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set, differentiably."""

    @abstractmethod
    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the part of `direction` along the set at `x`."""

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go and return to the set."""
        return self.project(x + step)

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient's part along the set."""
        return self.tangent(x, gradient)


@dataclass(frozen=True)
class ContrastSphere(Projected):
    """Stimuli of a given mean and standard deviation: a sphere within a hyperplane.

    Parameters
    ----------
    mean
        Mean over all elements of a stimulus; None leaves it free.
    std
        Standard deviation (of the population, not the unbiased one), the RMS contrast in units of the stimulus.
    mask
        Where both are measured, True or False, broadcastable to a stimulus; what is outside is free.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> sphere = mm.ContrastSphere(mean=0.5, std=0.1)
    >>> x = sphere.project(torch.rand(1, 1, 8, 8))
    >>> round(float(x.mean()), 4), round(float(x.std(correction=0)), 4)
    (0.5, 0.1)
    """

    mean: Number | None
    std: Number
    mask: Tensor | None = None

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set."""
        inside = self.inside(x)
        centre, centred = _centred(x, inside)
        scale = self.std / _rms(centred, inside).clamp(min=torch.finfo(x.dtype).tiny)
        target = centre if self.mean is None else torch.full_like(centre, self.mean)
        new = spread(target, x) + spread(scale, x) * centred
        return new if inside is None else torch.where(inside, new, x)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Drop what would change mean or contrast."""
        inside = self.inside(x)
        within = direction if inside is None else torch.where(inside, direction, 0)
        if self.mean is not None:
            within = _centred(within, inside)[1]
        within = _perpendicular(within, _centred(x, inside)[1])
        return within if inside is None else torch.where(inside, within, direction)

    def inside(self, x: Tensor) -> Tensor | None:
        """Return where mean and contrast are measured, of the shape of `x`; None is everywhere."""
        return None if self.mask is None else self.mask.to(x.device).bool().expand(x.shape)


@dataclass(frozen=True)
class NormSphere(Projected):
    """Stimuli at a given Euclidean distance from zero, or from a stimulus `center`.

    Parameters
    ----------
    radius
        The distance.
    center
        Broadcastable to a stimulus.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.NormSphere(5.0).project(torch.tensor([[0.3, 0.4]]))
    tensor([[3., 4.]])
    """

    radius: Number
    center: Tensor | None = None

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set."""
        off = self._off(x)
        scaled = spread(self.radius / norm(off).clamp(min=torch.finfo(x.dtype).tiny), x) * off
        return scaled if self.center is None else self.center.to(x) + scaled

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Drop what would change the distance."""
        return _perpendicular(direction, self._off(x))

    def _off(self, x: Tensor) -> Tensor:
        return x if self.center is None else x - self.center.to(x)


@dataclass(frozen=True)
class FixedSpectrum(Projected):
    """Stimuli with the Fourier amplitudes of another one: only phases are free.

    Parameters
    ----------
    stimulus
        Broadcastable to the stimuli (batch, ..., height, width); its last two dimensions are transformed.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> image = mm.data.image("camera", size=16)
    >>> x = mm.FixedSpectrum(image).project(torch.rand(1, 1, 16, 16))
    >>> torch.allclose(torch.fft.rfft2(x).abs(), torch.fft.rfft2(image).abs(), atol=1e-3)
    True
    """

    stimulus: Tensor

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set."""
        amplitude = torch.fft.rfft2(self.stimulus.to(x)).abs()
        return torch.fft.irfft2(amplitude * _phase(torch.fft.rfft2(x)), s=x.shape[-2:])

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Keep what turns phases."""
        phase, spectrum = _phase(torch.fft.rfft2(x)), torch.fft.rfft2(direction)
        radial = (spectrum * phase.conj()).real
        return torch.fft.irfft2(spectrum - radial * phase, s=x.shape[-2:])


@dataclass(frozen=True)
class FixedPixels(Projected):
    """Stimuli that agree with another one where a mask says so.

    Parameters
    ----------
    mask
        True where pixels are fixed, broadcastable to a stimulus.
    values
        A stimulus, or one number for all of them.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.FixedPixels(torch.tensor([True, False]), 0.5).project(torch.tensor([[1.0, 2.0]]))
    tensor([[0.5000, 2.0000]])
    """

    mask: Tensor
    values: Tensor | Number

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set."""
        values = self.values.to(x) if isinstance(self.values, Tensor) else x.new_tensor(self.values)
        return torch.where(self.mask.to(x.device).bool(), values, x)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Leave the fixed pixels alone."""
        return torch.where(self.mask.to(x.device).bool(), torch.zeros_like(direction), direction)


def _centred(x: Tensor, inside: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mean of each stimulus, and the stimulus without it (zero outside)."""
    if inside is None:
        mean = rows(x).mean(1)
        return mean, x - spread(mean, x)
    mean = rows(torch.where(inside, x, 0)).sum(1) / rows(inside).sum(1)
    return mean, torch.where(inside, x - spread(mean, x), 0)


def _rms(centred: Tensor, inside: Tensor | None) -> Tensor:
    count = rows(centred).shape[1] if inside is None else rows(inside).sum(1).to(centred)
    return norm(centred) / count**0.5


def _perpendicular(direction: Tensor, normal: Tensor) -> Tensor:
    unit = normal / spread(norm(normal).clamp(min=torch.finfo(normal.dtype).tiny), normal)
    return direction - spread((rows(direction) * rows(unit)).sum(1), direction) * unit


def _phase(spectrum: Tensor) -> Tensor:
    amplitude = spectrum.abs()
    return torch.where(amplitude > 0, spectrum / amplitude.clamp(min=torch.finfo(amplitude.dtype).tiny), 1)
