"""The statistics of one scale, by the names of the families they belong to."""

from torch import Tensor

from metameric.models.portilla_simoncelli import _statistics as statistics

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


def band_statistics(band: Tensor, width: int, floor: Tensor) -> tuple[Measured, Tensor]:
    """Statistics of the magnitudes of the bands of one scale, and the magnitudes.

    Parameters
    ----------
    band
        Real and imaginary parts, (..., 2, orientation, height, width).
    width
        Number of lags per axis.
    floor
        Variance that counts as zero, (...).
    """
    magnitude = statistics.magnitude(band)
    power = statistics.power_spectrum(magnitude)
    covariance = statistics.autocovariance(power, magnitude.shape[-1], width)
    variance = covariance[..., width // 2, width // 2]
    each = floor[..., None]
    autocorrelation = statistics.over(covariance, variance[..., None, None], each[..., None, None])
    deviation = statistics.root(variance, each)
    measured = {
        "auto_correlation_magnitude": autocorrelation.movedim(-3, -1),
        "cross_orientation_correlation_magnitude": normalised(
            statistics.cross_covariance(magnitude, magnitude), deviation, deviation, floor
        ),
        "magnitude_std": deviation,
    }
    return measured, magnitude


def parent_statistics(band: Tensor, magnitude: Tensor, deviation: Tensor, parent: Tensor, floor: Tensor) -> Measured:
    """Correlations of bands with the bands of the next coarser scale, `parent`, on the same grid."""
    doubled = statistics.phase_doubled(parent)
    real, coarse = band.select(-4, 0), doubled.select(-4, 0)
    phases = doubled.narrow(-4, 1, 2).flatten(-4, -3)
    each = floor[..., None]
    coarse_variance = statistics.second_moment(coarse) - coarse.mean((-2, -1)).square()
    coarse_deviation = statistics.root(coarse_variance, each)
    # Real parts have no mean; that of the doubled phases is small and left in.
    amplitude, phase_amplitude = (statistics.root(statistics.second_moment(part), each) for part in (real, phases))
    magnitudes = statistics.cross_covariance(magnitude, coarse)
    reals = statistics.cross_moment(real, phases)
    return {
        "cross_scale_correlation_magnitude": normalised(magnitudes, deviation, coarse_deviation, floor),
        "cross_scale_correlation_real": normalised(reals, amplitude, phase_amplitude, floor),
    }


def normalised(covariance: Tensor, first_deviation: Tensor, second_deviation: Tensor, floor: Tensor) -> Tensor:
    """Covariances of one set of planes with another as correlations."""
    scale = first_deviation[..., :, None] * second_deviation[..., None, :]
    return statistics.over(covariance, scale, floor[..., None, None])
