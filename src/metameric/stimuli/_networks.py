"""Layers of networks by name: what the options `layer`, `mean` and `std` mean for a model that does not take them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.errors import InputError

OPTIONS = ("layer", "mean", "std")


class ChannelNormalisation(nn.Module):
    """Subtract a mean and divide by a standard deviation, channel by channel, as a network was trained with."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised images, (batch, channel, height, width)."""
        return (x - self.mean) / self.std


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Parameters of a function; none of one that is written in C and does not tell."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {}


def layer_options(make: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options those of a layer that the model itself has no parameter for."""
    own = set() if isinstance(make, nn.Module) else set(parameters_of(make))
    return {key: given.pop(key) for key in OPTIONS if key in given and key not in own}


def layer_of(model: Any, name: str, options: dict[str, Any]) -> Callable[..., Tensor]:
    """Return a model of these layers of a network, or the model itself if there are no options."""
    if not options:
        return model
    from metameric.models import DeepNetFeatures

    if not isinstance(model, nn.Module):
        raise InputError(f"model {name} is no torch.nn.Module and has no {' or '.join(options)}; leave the option out.")
    layer = options.get("layer")
    if layer is None:
        raise InputError(f"model {name} has {' and '.join(options)}, but no layer; name one, such as layer: layer2.")
    names = [str(part) for part in (layer if isinstance(layer, list | tuple) else [layer])]  # YAML reads 0 as a number
    return DeepNetFeatures(model, names, transform=_normalisation(name, options))


def _normalisation(name: str, options: dict[str, Any]) -> ChannelNormalisation | None:
    mean, std = (options.get(key) for key in ("mean", "std"))
    if mean is None and std is None:
        return None
    values: list[list[Any]] = [value if isinstance(value, list) else [value] for value in (mean, std)]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for value in values for v in value)
    if not numbers or len(values[0]) != len(values[1]) or min(values[1]) <= 0:
        raise InputError(
            f"model {name} has mean {mean} and std {std}; expected as many numbers of each as images have channels, "
            "the latter positive."
        )
    return ChannelNormalisation(values[0], values[1])
