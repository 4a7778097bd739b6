"""Texture statistics as pure functions, with the names of Portilla & Simoncelli (2000).

All work on the last two dimensions (rows, columns) of tensors with any leading ones.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.verbatim import as_written
from metameric.models.portilla_simoncelli._pointwise import Modulus, PhaseDoubling
from metameric.models.portilla_simoncelli._spectrum import PowerSpectrum, lag_matrices

Planes = Float[Tensor, "*lead height width"]


def rounding_variance(image: Tensor) -> Tensor:
    """Variance that rounding alone can give to a filtered image, per image."""
    relative = 32 * torch.finfo(image.dtype).eps
    return relative**2 * image.detach().square().mean((-2, -1)) + torch.finfo(image.dtype).tiny


def central_moments(image: Planes) -> tuple[Tensor, Tensor, Tensor]:
    """Second, third and fourth moment about the mean."""
    centred = image - image.mean((-2, -1), keepdim=True)
    square = centred * centred
    flat = square.flatten(-2)
    count = flat.shape[-1]
    return flat.sum(-1) / count, (flat * centred.flatten(-2)).sum(-1) / count, (flat * flat).sum(-1) / count


def magnitude(band: Float[Tensor, "*lead 2 k height width"]) -> Float[Tensor, "*lead k height width"]:
    """Modulus of complex coefficients, given as real and imaginary planes; its derivative at zero is zero."""
    return cast(Tensor, Modulus.apply(band))


def phase_doubled(band: Float[Tensor, "*lead 2 k height width"]) -> Float[Tensor, "*lead 3 k height width"]:
    """Modulus, and real and imaginary part of coefficients whose phase is doubled at constant modulus."""
    return cast(Tensor, PhaseDoubling.apply(band))


def power_spectrum(image: Planes) -> Float[Tensor, "*lead height columns"]:
    """Squared modulus of ``rfft2`` per pixel squared, without the mean."""
    return cast(Tensor, PowerSpectrum.apply(image))


@as_written
def autocovariance(power: Float[Tensor, "*lead height columns"], columns: int, width: int) -> Tensor:
    """Central ``width x width`` lags of the circular autocovariance, from a power spectrum (Wiener-Khinchin).

    Only the few lags wanted are transformed back, by two small matrix products.
    """
    left, right = lag_matrices(power.shape[-2], columns, width, power.dtype, power.device)
    lags = left @ power @ right
    return lags[..., :width, :width] - lags[..., width:, width:]


@as_written
def cross_moment(
    first: Float[Tensor, "*lead n height width"], second: Float[Tensor, "*lead m height width"]
) -> Float[Tensor, "*lead n m"]:
    """Mean over positions of the product of each of n planes with each of m."""
    return first.flatten(-2) @ second.flatten(-2).mT / (first.shape[-2] * first.shape[-1])


def cross_covariance(
    first: Float[Tensor, "*lead n height width"], second: Float[Tensor, "*lead m height width"]
) -> Float[Tensor, "*lead n m"]:
    """Covariance over positions of each of n planes with each of m."""
    means = first.mean((-2, -1))[..., :, None] * second.mean((-2, -1))[..., None, :]
    return cross_moment(first, second) - means


def second_moment(planes: Planes) -> Tensor:
    """Mean square over positions."""
    return planes.square().mean((-2, -1))
