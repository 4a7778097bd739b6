"""Where a synthesis may start: noise, or images that share simple statistics with the target."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import normal, uniform
from metameric._core.tensors import rows
from metameric.process._surrogate import random_phase
from metameric.validate._probe import check_response, probe

Bounds = tuple[float, float]


def noise(image: Tensor, seeds: Sequence[int], bounds: Bounds) -> Tensor:
    """Uniform noise over the range."""
    low, high = bounds
    return low + (high - low) * uniform(seeds, image)


def gaussian(image: Tensor, seeds: Sequence[int], bounds: Bounds) -> Tensor:
    """Gaussian noise with the mean and variance of every channel of the image."""
    dims = tuple(range(min(2, image.ndim - 1), image.ndim))
    spread = image.std(dims, keepdim=True, correction=0)
    return (image.mean(dims, keepdim=True) + spread * normal(seeds, image)).clamp(*bounds)


def phase(image: Tensor, seeds: Sequence[int], bounds: Bounds) -> Tensor:
    """Random phase with the power spectrum of the image."""
    return random_phase(image, seeds).clamp(*bounds)


def phase_and_histogram(image: Tensor, seeds: Sequence[int], bounds: Bounds) -> Tensor:
    """Random phase, then the grey values of the image in the order of the noise's."""
    start = rows(random_phase(image, seeds))
    values = rows(image).sort(dim=1).values
    return torch.empty_like(start).scatter_(1, start.argsort(dim=1), values).reshape(image.shape)


STARTS: dict[str, Callable[[Tensor, Sequence[int], Bounds], Tensor]] = {
    "noise": noise,
    "gaussian": gaussian,
    "random_phase": phase,
    "random_phase_histogram": phase_and_histogram,
}


def starting_image(name: str, image: Tensor, seeds: Sequence[int], bounds: Bounds) -> Tensor:
    """Make the start of this name for every seed."""
    if name not in STARTS:
        raise InputError(f"initial_image is {name!r}; expected a tensor or one of {', '.join(STARTS)}.")
    return STARTS[name](image.expand(len(seeds), *image.shape[1:]), seeds, bounds)


def checked_start(start: Tensor, image: Tensor, model: Callable[..., Tensor], target: Tensor) -> Tensor:
    """Return a start that can lead to the target, or say why it cannot."""
    if start.ndim != image.ndim or image.shape[0] not in (1, start.shape[0]):
        raise InputError(
            f"initial_image has shape {tuple(start.shape)}; expected {tuple(image.shape)}, like the target."
        )
    if start.shape[1:] != image.shape[1:]:
        response = check_response(probe(model, start))
        if response.shape[1:] != target.shape[1:]:
            raise InputError(
                f"initial_image has shape {tuple(start.shape)}, for which the model's representation has shape "
                f"{tuple(response.shape)}; the target's has {tuple(target.shape)}. Another size "
                "than the target's needs a model whose representation does not depend on it."
            )
    return start


def checked_target(target: Tensor | None, response: Tensor) -> Tensor:
    """Return the representation to match: the one given, if it has the shape of the model's response."""
    if target is None:
        return response
    if target.shape[1:] != response.shape[1:] or target.shape[0] not in (1, response.shape[0]):
        raise InputError(
            f"target_representation has shape {tuple(target.shape)}; the model's response has {tuple(response.shape)}."
        )
    if not bool(torch.isfinite(target).all()):
        raise InputError("target_representation has NaN or infinite values; expected finite ones.")
    return target.detach().to(response).expand(response.shape)
