"""Maximum differentiation (MAD) competition: stimuli that tell two metrics apart."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._core.errors import InputError
from metameric._core.fixed import Fixed
from metameric._core.types import Number
from metameric._objective._contest import Contest
from metameric._synthesis._competition import Competition
from metameric.regularize._range import penalize_range


class MADCompetition(Competition):
    """Drive one metric to an extreme while another is held where it is (Wang & Simoncelli 2008).

    Parameters
    ----------
    image
        Reference image, (batch, ...).
    optimized_metric, reference_metric
        Distances (x, y) -> (batch,) or, for a batch of one, a scalar; 0 for equal images. The first one is driven, the
        second one held.
    minmax
        Whether to make `optimized_metric` small (``"min"``) or large (``"max"``).
    metric_tradeoff_lambda
        By default the reference metric is held exactly: every step stays on its level set. A weight makes it give way:
        ``+-optimized + weight * (reference - its value at the start)**2`` is minimised, as plenoptic does.
    penalty_function, penalty_lambda
        Callable of a stimulus giving one number, and its weight.

    Notes
    -----
    Wang & Simoncelli (2008), Journal of Vision 8(12):8. The held form follows the gradient along the level set with
    L-BFGS, and returns to it along the ray from the image.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("camera", size=32)
    >>> mad = mm.MADCompetition(image, mm.metric.as_distance(mm.metric.ssim), mm.metric.mse, "max")
    >>> mad.setup(0.05, seed=0)
    >>> result = mad.synthesize(20, progress=False)
    >>> bool(result.figures["stray_percent"] < 0.1)
    True
    """

    stimulus_name = "mad_image"

    def __init__(
        self,
        image: Tensor,
        optimized_metric: Callable[..., Tensor],
        reference_metric: Callable[..., Tensor],
        minmax: str,
        metric_tradeoff_lambda: Number | None = None,
        penalty_function: Callable[..., Tensor] = penalize_range,
        penalty_lambda: Number = 0.1,
    ) -> None:
        if minmax not in ("min", "max"):
            raise InputError(f"minmax is {minmax!r}; expected 'min' or 'max'.")
        metrics = (optimized_metric, reference_metric)
        super().__init__(image, metrics, metric_tradeoff_lambda, penalty_function, penalty_lambda)
        self._minmax = minmax

    def _contest(self, image: Tensor, level: Tensor) -> Contest:
        sign = torch.full_like(level, 1.0 if self._minmax == "min" else -1.0)
        return Contest(self._metrics, Fixed(image), 0, 1, sign, level)

    def _per_problem(self, per_image: Tensor) -> Tensor:
        return per_image

    def objective_function(self, mad_image: Tensor | None = None, image: Tensor | None = None) -> Tensor:
        """Return the objective of a stimulus, one differentiable number for the whole batch; empty before `setup`.

        Parameters
        ----------
        mad_image
            Stimulus, (batch, ...); the present one by default.
        image
            Image to compare it with; the reference image by default.
        """
        if self._reference_start is None:
            return torch.empty(0)
        mad_image = self.mad_image if mad_image is None else mad_image
        image = self._image if image is None else image
        optimized, reference = (each(metric)(mad_image, image) for metric in self._metrics)
        value = optimized if self._minmax == "min" else -optimized
        if self._metric_tradeoff_lambda is not None:
            value = value + self._metric_tradeoff_lambda * (reference - self._reference_start) ** 2
        return (value + self._penalty_lambda * each(self._penalty_function)(mad_image)).mean()

    def _settings(self) -> dict[str, Any]:
        return {
            "image": self._image,
            "optimized_metric": self.optimized_metric,
            "reference_metric": self.reference_metric,
            "minmax": self._minmax,
            "metric_tradeoff_lambda": self._metric_tradeoff_lambda,
            "penalty_function": self._penalty_function,
            "penalty_lambda": self._penalty_lambda,
        }

    @property
    def optimized_metric(self) -> Callable[..., Tensor]:
        """The metric that is driven."""
        return self._metrics[0]

    @property
    def reference_metric(self) -> Callable[..., Tensor]:
        """The metric that is held."""
        return self._metrics[1]

    @property
    def minmax(self) -> str:
        """``"min"`` or ``"max"``."""
        return self._minmax

    @property
    def mad_image(self) -> Tensor:
        """The synthesised stimuli, (batch, ...); empty before `setup`."""
        return self._stimulus

    @property
    def saved_mad_image(self) -> Tensor:
        """Stimuli stored on the way, (stored, batch, ...); the present ones alone without `store_progress`."""
        return self._saved
