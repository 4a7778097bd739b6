"""Noise on a model's responses, which decides how much a change of the response tells."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._objective._jacobian import Response


class ResponseNoise(ABC):
    """Gaussian noise on the response, given by what its inverse covariance does.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> class PowerLaw(mm.ResponseNoise):
    ...     def whiten(self, change, response):
    ...         return change / response.square()  # variance grows with the square
    ...     def __repr__(self):
    ...         return "PowerLaw()"
    >>> model, image = mm.problems.LinearModel(torch.eye(2)), torch.tensor([[1.0, 2.0]])
    >>> mm.FisherInformation(model, image, noise=PowerLaw()).information(torch.tensor([[0.0, 1.0]]))
    tensor([0.2500])
    """

    @abstractmethod
    def whiten(self, change: Response, response: Response) -> Response:
        """Apply the inverse covariance at `response` to changes of the response, both (batch, response)."""

    @abstractmethod
    def __repr__(self) -> str: ...


class AdditiveNoise(ResponseNoise):
    """Independent noise of one variance, or of one per response.

    Parameters
    ----------
    variance
        Number above zero, or a tensor of the shape of the response (for a complex response: of its real view).

    Examples
    --------
    >>> from metameric._objective._noise import AdditiveNoise
    >>> AdditiveNoise(0.5)
    AdditiveNoise(0.5)
    """

    def __init__(self, variance: float | Tensor = 1.0) -> None:
        if not bool((torch.as_tensor(variance) > 0).all()):
            raise InputError("the noise variance has values of zero or below; expected all of them above zero.")
        self.variance = variance

    def whiten(self, change: Response, response: Response) -> Response:
        """Divide by the variance."""
        if not isinstance(self.variance, Tensor):
            return change if self.variance == 1 else change / self.variance
        variance = self.variance.to(change)
        if variance.numel() == 1:
            return change / variance.reshape(())
        if variance.numel() % change.shape[1] == 0 and change.numel() % variance.numel() == 0:
            # Several vectors of a batch run as one longer batch.
            one = variance.reshape(-1, change.shape[1])
            return change / one.repeat(change.shape[0] // one.shape[0], 1)
        raise InputError(
            f"the noise variance has shape {tuple(variance.shape)} for {change.shape[1]} responses per stimulus; "
            "expected one value, or one per response."
        )

    def __repr__(self) -> str:
        shown = tuple(self.variance.shape) if isinstance(self.variance, Tensor) else self.variance
        return f"AdditiveNoise({shown})"


class CorrelatedNoise(ResponseNoise):
    """Noise of a given covariance.

    Parameters
    ----------
    covariance
        Symmetric positive definite, (response, response), the response flattened.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> noise = mm.CorrelatedNoise(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> noise.whiten(torch.tensor([[1.0, 1.0]]), torch.zeros(1, 2))
    tensor([[0.3333, 0.3333]])
    """

    def __init__(self, covariance: Tensor) -> None:
        if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
            raise InputError(f"covariance has shape {tuple(covariance.shape)}; expected (response, response).")
        # Factorised in float64 whatever the precision of the model: covariances are often ill-conditioned.
        factor, trouble = torch.linalg.cholesky_ex(covariance.to(torch.float64))
        if bool(trouble > 0) or not bool(torch.allclose(covariance, covariance.mT)):
            raise InputError("covariance is not symmetric and positive definite; add a small multiple of the identity.")
        self.factor = factor

    def whiten(self, change: Response, response: Response) -> Response:
        """Solve with the covariance."""
        if self.factor.shape[0] != change.shape[1]:
            raise InputError(
                f"covariance is for {self.factor.shape[0]} responses; the model gives {change.shape[1]} per stimulus."
            )
        factor = self.factor.to(change.device)
        return torch.cholesky_solve(change.to(factor).mT, factor).mT.to(change)

    def __repr__(self) -> str:
        return f"CorrelatedNoise({tuple(self.factor.shape)})"


class PoissonNoise(ResponseNoise):
    """Variance proportional to the mean, as for spike counts.

    Parameters
    ----------
    scale
        Variance over mean (the Fano factor), above zero.
    floor
        Mean below which the variance falls no further, in units of the response; needed where responses are zero.

    Notes
    -----
    The information that lies in the variance itself is left out; for Poisson counts (scale 1) the result is exact.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> noise = mm.PoissonNoise(scale=1.5, floor=0.1)
    >>> noise.whiten(torch.ones(1, 2), torch.tensor([[2.0, 0.0]]))
    tensor([[0.3333, 6.6667]])
    """

    def __init__(self, scale: float = 1.0, floor: float = 0.0) -> None:
        if scale <= 0 or floor < 0:
            raise InputError(f"scale is {scale} and floor {floor}; expected scale above 0 and floor 0 or more.")
        self.scale, self.floor = scale, floor

    def whiten(self, change: Response, response: Response) -> Response:
        """Divide by the scaled mean."""
        mean = response.clamp(min=self.floor) if self.floor else response
        if not bool((mean > 0).all()):
            raise InputError(
                f"the smallest response is {float(mean.min()):.3g}; noise proportional to the mean needs responses "
                "above zero. Give a floor, PoissonNoise(floor=...), or use additive noise."
            )
        return change / (self.scale * mean)

    def __repr__(self) -> str:
        return f"PoissonNoise(scale={self.scale}, floor={self.floor})"


def as_noise(noise: ResponseNoise | float | Tensor | str | None) -> ResponseNoise:
    """Make a noise of its short forms: None (variance 1), a variance, or ``"poisson"``."""
    if noise is None:
        return AdditiveNoise()
    if isinstance(noise, ResponseNoise):
        return noise
    if isinstance(noise, (int, float, Tensor)):
        return AdditiveNoise(noise)
    if noise == "poisson":
        return PoissonNoise()
    raise InputError(f"noise is {noise!r}; expected a variance, 'poisson', a ResponseNoise or None.")
