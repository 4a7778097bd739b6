"""Distances made of similarities and of models."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from metameric._core.batched import each, name_of
from metameric._core.fixed import recall
from metameric._core.tensors import rows
from metameric._core.types import Metric, Model

# Keeps the slope of the root finite where two representations are equal.
_EPSILON = 1e-10


class _Distance:
    """The amount by which a similarity falls short of its largest value."""

    def __init__(self, similarity: Metric, largest: float) -> None:
        self.similarity = similarity
        self.largest = largest
        self.__name__ = f"{largest:g} - {name_of(similarity)}"

    def __call__(self, img1: Tensor, img2: Tensor, **kwargs: Any) -> Tensor:
        return self.largest - self.similarity(img1, img2, **kwargs)

    def each(self, img1: Tensor, img2: Tensor, **kwargs: Any) -> Float[Tensor, " batch"]:
        return self.largest - each(self.similarity)(img1, img2, **kwargs)

    def __repr__(self) -> str:
        return f"as_distance({name_of(self.similarity)}, largest={self.largest:g})"


def as_distance(similarity: Metric, largest: float | int = 1.0) -> Metric:
    """Turn a similarity into a distance, ``largest - similarity(x, y)``, zero for equal images.

    Parameters
    ----------
    similarity
        Any callable (x, y) -> one value per image, or a single value: `ssim`, `ms_ssim`, or those of other libraries,
        such as ``piq.fsim``.
    largest
        Its value for equal images.

    Returns
    -------
    A callable with the same arguments. Its ``each(x, y)`` gives one value per image, (batch,), as syntheses need.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> distance = mm.metric.as_distance(mm.metric.ssim)
    >>> image = torch.rand(1, 1, 32, 32)
    >>> distance(image, image)
    tensor([[0.]])
    """
    return _Distance(similarity, float(largest))


class _ModelMetric:
    """Root mean square difference of two representations."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.__name__ = f"{name_of(model)} metric"

    def __call__(self, img1: Tensor, img2: Tensor) -> Tensor:
        return ((self.model(img1) - self.model(img2)).square().mean() + _EPSILON).sqrt()

    def each(self, img1: Tensor, img2: Tensor) -> Float[Tensor, " batch"]:
        second = recall(img2, self, self.model)
        return (rows((self.model(img1) - second).square()).mean(1) + _EPSILON).sqrt()

    def __repr__(self) -> str:
        return f"model_metric_factory({name_of(self.model)})"


def model_metric_factory(model: Callable[..., Tensor]) -> Metric:
    """Make a metric of a model: the root mean square difference of two images' representations.

    .. math:: \\sqrt{\\frac{1}{n} \\sum_i (M(x)_i - M(y)_i)^2 + 10^{-10}}

    Parameters
    ----------
    model
        Any model, image to representation.

    Returns
    -------
    A callable (x, y) -> scalar, over the whole batch. Its ``each(x, y)`` gives one value per image, (batch,). Equal
    images are at a distance of 1e-5: the constant keeps the gradient finite there.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metric = mm.metric.model_metric_factory(torch.nn.Flatten())
    >>> metric(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    tensor(1.)
    """
    return _ModelMetric(model)
