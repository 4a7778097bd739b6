"""Where a synthesis may start: noise, or images that share simple statistics with the target."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.random import normal, uniform
from metameric._core.tensors import rows
from metameric.process._surrogate import random_phase

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
