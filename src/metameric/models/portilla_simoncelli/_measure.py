"""The statistics of one scale, by the names of the families they belong to."""

from torch import Tensor

from metameric.models.portilla_simoncelli import _statistics as statistics
from metameric.models.portilla_simoncelli._moments import Moments

Measured = dict[str, Tensor]


def low_statistics(low: Tensor, power: Tensor, width: int, floor: Tensor, image_variance: Tensor) -> Measured:
    """Marginal moments and autocorrelation of a low-pass image.

    Parameters
    ----------
    low, power
        The image (..., height, width) and its power spectrum.
    width
        Number of lags per axis.
    floor
        Variance that counts as zero, (...).
    image_variance
        Variance of the full image. Below a millionth of it the moments are those of a normal distribution.
    """
    covariance = statistics.autocovariance(power, low.shape[-1], width)
    variance = covariance[..., width // 2, width // 2]
    _, third, fourth = statistics.central_moments(low)
    floor_of_moments = floor.maximum(1e-6 * image_variance.detach())
    skewness, kurtosis = statistics.skewness_kurtosis(variance, third, fourth, floor_of_moments)
    return {
        "skew_reconstructed": skewness,
        "kurtosis_reconstructed": kurtosis,
        "auto_correlation_reconstructed": statistics.over(
            covariance, variance[..., None, None], floor[..., None, None]
        ),
        "std_reconstructed": statistics.root(variance, floor),
    }


def band_statistics(moments: Moments, floor: Tensor) -> Measured:
    """Statistics of the bands of one scale and, where the moments include parents, of bands with parents.

    Parameters
    ----------
    moments
        Raw moments of the coefficients.
    floor
        Variance that counts as zero, (...).
    """
    each = floor[..., None]
    centre = moments.lags.shape[-1] // 2
    variance = moments.lags[..., centre, centre]
    deviation = statistics.root(variance, each)
    autocorrelation = statistics.over(moments.lags, variance[..., None, None], each[..., None, None])
    across = moments.mm - _outer(moments.m, moments.m)
    measured = {
        "auto_correlation_magnitude": autocorrelation.movedim(-3, -1),
        "cross_orientation_correlation_magnitude": normalised(across, deviation, deviation, floor),
        "magnitude_std": deviation,
    }
    if moments.mp is None:
        return measured
    magnitudes = moments.mp - _outer(moments.m, moments.p)
    coarse = statistics.root(moments.pp - moments.p.square(), each)
    # Real parts have no mean; that of the doubled phases is small and left in.
    amplitude, phase_amplitude = statistics.root(moments.aa, each), statistics.root(moments.uu, each)
    return measured | {
        "cross_scale_correlation_magnitude": normalised(magnitudes, deviation, coarse, floor),
        "cross_scale_correlation_real": normalised(moments.au, amplitude, phase_amplitude, floor),
    }


def _outer(first: Tensor, second: Tensor) -> Tensor:
    return first[..., :, None] * second[..., None, :]


def normalised(covariance: Tensor, first_deviation: Tensor, second_deviation: Tensor, floor: Tensor) -> Tensor:
    """Covariances of one set of planes with another as correlations."""
    return statistics.over(covariance, _outer(first_deviation, second_deviation), floor[..., None, None])
