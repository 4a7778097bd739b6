"""Checks of metrics and penalties."""

import torch
from torch import Tensor

from metameric._core.batched import each, name_of
from metameric._core.errors import InputTypeError, ModelError
from metameric._core.types import Metric, Penalty
from metameric.validate._models import Device, Shape
from metameric.validate._probe import example_stimulus


def validate_metric(
    metric: Metric, image_shape: Shape = None, image_dtype: torch.dtype = torch.float32, device: Device = "cpu"
) -> None:
    """Check that a function of two images is a distance: one value, 0 for equal images, never negative, differentiable.

    Parameters
    ----------
    metric
        Callable of two stimuli (batch, ...), giving (batch,) values or, for a batch of one, a scalar.
    image_shape
        Shape of the noise to probe with; (1, 1, 16, 16) by default.
    image_dtype, device
        Of that noise.

    Raises
    ------
    TypeError
        If it cannot be called with two images or returns no tensor.
    ValueError
        If it gives several values per pair, is not zero for equal images, is negative, NaN, or has no gradient.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.validate.validate_metric(mm.metric.mse)
    """
    name = name_of(metric)
    a, b = (example_stimulus(image_shape, image_dtype, device, seed) for seed in (0, 1000))
    moving = b.clone().requires_grad_()
    try:
        with torch.enable_grad():
            value = each(metric)(moving, a)
    except TypeError as error:
        raise InputTypeError(f"{name} cannot be called with two images: {error}") from error
    _check_scalar_function(name, value, moving)
    same = each(metric)(a, a.clone()).detach()
    # Metrics that end in a root add 1e-10 under it, in any precision, for the sake of its slope at zero.
    tolerance = 2e-5
    if not bool((same.abs() <= tolerance).all()):
        raise ModelError(
            f"{name} of an image with itself is {float(same.abs().max()):.4g}; expected 0. "
            "A similarity becomes a distance with metameric.metric.as_distance."
        )
    for scale in (1.0, 0.1, 0.01):
        near = a + scale * (b - a)
        lowest = min(float(each(metric)(*pair).detach().min()) for pair in ((near, a), (a, near)))
        if lowest < -tolerance:
            raise ModelError(f"{name} of two images is {lowest:.4g}; expected a distance, which is never negative.")


def validate_penalty(
    penalty_function: Penalty,
    image_shape: Shape = None,
    image_dtype: torch.dtype = torch.float32,
    device: Device = "cpu",
) -> None:
    """Check that a function of one image can be a penalty: one finite value, differentiable.

    Parameters
    ----------
    penalty_function
        Callable of a stimulus (batch, ...), giving (batch,) values or, for a batch of one, a scalar.
    image_shape
        Shape of the noise to probe with; (1, 1, 16, 16) by default.
    image_dtype, device
        Of that noise.

    Raises
    ------
    TypeError
        If it cannot be called with an image or returns no tensor.
    ValueError
        If it gives several values per image, NaN, or has no gradient.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.validate.validate_penalty(mm.regularize.penalize_range)
    """
    name = name_of(penalty_function)
    image = example_stimulus(image_shape, image_dtype, device).requires_grad_()
    try:
        with torch.enable_grad():
            value = each(penalty_function)(image)
    except TypeError as error:
        raise InputTypeError(f"{name} cannot be called with an image: {error}") from error
    _check_scalar_function(name, value, image)


def _check_scalar_function(name: str, value: object, moving: Tensor) -> None:
    if not isinstance(value, Tensor) or value.shape != moving.shape[:1]:
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ModelError(f"{name} returned {found}; expected one value per batch entry, ({moving.shape[0]},).")
    if value.is_complex() or not bool(torch.isfinite(value).all()):
        raise ModelError(f"{name} returned {value.tolist()}; expected real, finite values.")
    if value.dtype != moving.dtype:
        raise InputTypeError(f"{name} returned {value.dtype} for {moving.dtype} images; expected the same precision.")
    gradient = None
    if value.grad_fn is not None:
        (gradient,) = torch.autograd.grad(value, moving, torch.ones_like(value), allow_unused=True)
    if gradient is None:
        raise ModelError(
            f"{name} has no gradient with respect to the image; use differentiable torch "
            "operations (no .detach(), .item() or .numpy())."
        )
