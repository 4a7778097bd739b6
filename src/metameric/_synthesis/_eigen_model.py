"""What eigendistortions ask of a model, and the problem that it poses at a stimulus, in this and in other precision."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.errors import ModelError
from metameric._objective._coordinates import Coordinates
from metameric._objective._fisher import FisherInformation
from metameric._objective._jacobian import flatten_response
from metameric._synthesis._eigen_methods import Problem
from metameric.validate._probe import check, probe


def check_model(model: Callable[..., Any], image: Tensor) -> None:
    """Refuse models whose response is of no use; unlike other syntheses, this one takes several tensors."""
    facts = probe(model, image)
    if not isinstance(facts.response, Tensor):
        if not bool(torch.isfinite(flatten_response(facts.response)).all()):
            raise ModelError(f"{facts.name} returned NaN or infinity for this stimulus; expected finite values.")
        # Several tensors are judged as the one that they are put together to.
        facts = replace(probe(lambda x: flatten_response(model(x)), image), name=facts.name)
    check(facts)


def posed(image: Tensor, model: Callable[..., Any], noise: Any, mask: Tensor | None, weight: Tensor | None) -> Problem:
    """Return the problem that one stimulus, (1, ...), poses."""

    def build(dtype: torch.dtype) -> Problem | None:
        other = in_precision(model, image, dtype)
        return None if other is None else posed(image.to(dtype), other, noise, mask, weight)

    return Problem(FisherInformation(model, image, noise), Coordinates(image, mask, weight), build)


def in_precision(model: Callable[..., Tensor], image: Tensor, dtype: torch.dtype) -> Callable[..., Tensor] | None:
    """Return the model in another precision, or None if it cannot be had; the model itself is left alone."""
    if dtype == image.dtype:
        return None
    try:
        other = _copied(model).to(dtype) if isinstance(model, nn.Module) else model
        with torch.no_grad():
            expected, response = model(image), other(image.to(dtype))
    except Exception:  # models are anyone's code, and this precision is only a wish
        return None
    if not isinstance(response, Tensor) or not isinstance(expected, Tensor):
        return None
    close = response.shape == expected.shape and torch.allclose(response.to(expected), expected, rtol=1e-3, atol=1e-4)
    return other if close and response.real.dtype == dtype else None


def _copied(model: nn.Module) -> nn.Module:
    other = copy.deepcopy(model)
    # Copies of traced models forget that they were set to evaluate.
    other.train(model.training)
    modes = {name: module.training for name, module in model.named_modules()}
    for name, module in other.named_modules():
        module.training = modes.get(name, module.training)
    return other
