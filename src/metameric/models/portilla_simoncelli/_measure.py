"""From raw moments to the families of statistics, all scales at once: scales are the last dimension."""

from collections.abc import Sequence

import torch
from torch import Tensor

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._moments import Moments

Measured = dict[str, Tensor]


def low_statistics(lows: Sequence[Tensor], lags: Sequence[Tensor], floor: Tensor, image_variance: Tensor) -> Measured:
    """Marginal moments and autocorrelations of low-pass images.

    Parameters
    ----------
    lows
        One image (..., height, width) per scale.
    lags
        Their autocovariances (..., lag, lag).
    floor
        Variance that counts as zero, (..., scale).
    image_variance
        Variance of the full image, (...). Below a millionth of it the moments are those of a normal distribution.
    """
    covariance = torch.stack(list(lags), -1)
    centre = covariance.shape[-2] // 2
    variance = covariance[..., centre, centre, :]
    third, fourth = (torch.stack(values, -1) for values in zip(*map(_higher_moments, lows), strict=True))
    floor_of_moments = floor.maximum(1e-6 * image_variance.detach()[..., None])
    skewness, kurtosis = statistics.skewness_kurtosis(variance, third, fourth, floor_of_moments)
    return {
        "skew_reconstructed": skewness,
        "kurtosis_reconstructed": kurtosis,
        "auto_correlation_reconstructed": statistics.over(
            covariance, variance[..., None, None, :], floor[..., None, None, :]
        ),
        "std_reconstructed": statistics.root(variance, floor),
    }


def _higher_moments(low: Tensor) -> tuple[Tensor, Tensor]:
    _, third, fourth = statistics.central_moments(low)
    return third, fourth


def band_statistics(moments: Sequence[Moments], floor: Tensor) -> tuple[Measured, Tensor]:
    """Statistics of the magnitudes of the bands, and their standard deviations (..., orientation, scale).

    Parameters
    ----------
    moments
        Raw moments of each scale.
    floor
        Variance that counts as zero, (..., scale).
    """
    lags, mean, product = (torch.stack(values, -1) for values in zip(*(m[:3] for m in moments), strict=True))
    each = floor[..., None, :]
    centre = lags.shape[-2] // 2
    variance = lags[..., centre, centre, :]
    deviation = statistics.root(variance, each)
    autocorrelation = statistics.over(lags, variance[..., None, None, :], each[..., None, None, :])
    measured = {
        "auto_correlation_magnitude": autocorrelation.movedim(-4, -2),
        "cross_orientation_correlation_magnitude": normalised(
            product - _outer(mean, mean), deviation, deviation, floor
        ),
        "magnitude_std": deviation,
    }
    return measured, deviation


def parent_statistics(moments: Sequence[Moments], deviation: Tensor, floor: Tensor) -> Measured:
    """Correlations of bands with those of the next coarser scale; `deviation` is that of the bands' magnitudes."""
    mean, _, p, pp, mp, aa, uu, au = (torch.stack(values, -1) for values in zip(*(m[1:] for m in moments), strict=True))
    each = floor[..., None, :]
    coarse = statistics.root(pp - p.square(), each)
    # Real parts have no mean; that of the doubled phases is small and left in.
    amplitude, phase_amplitude = statistics.root(aa, each), statistics.root(uu, each)
    return {
        "cross_scale_correlation_magnitude": normalised(mp - _outer(mean, p), deviation, coarse, floor),
        "cross_scale_correlation_real": normalised(au, amplitude, phase_amplitude, floor),
    }


def _outer(first: Tensor, second: Tensor) -> Tensor:
    return first[..., :, None, :] * second[..., None, :, :]


def normalised(covariance: Tensor, first_deviation: Tensor, second_deviation: Tensor, floor: Tensor) -> Tensor:
    """Covariances of one set of planes with another as correlations."""
    return statistics.over(covariance, _outer(first_deviation, second_deviation), floor[..., None, None, :])
