"""What to do where a model raises an error on a stimulus."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.batched import name_of
from metameric._core.errors import ModelError


def out_of_memory(error: Exception) -> bool:
    """Tell whether an error is a lack of memory, not a fault of the model; on CPUs PyTorch has no class for it."""
    return isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "you tried to allocate" in str(error)


def explained(error: Exception, model: Callable[..., Any], stimulus: Tensor, options: Mapping[str, Any]) -> ModelError:
    """Return the error to raise in place of the model's own: its message, what it was given, and what to do."""
    name, held = name_of(model), _first_parameter(model)
    if held is not None and held.is_floating_point() and (held.dtype, held.device) != (stimulus.dtype, stimulus.device):
        return ModelError(
            f"{name} holds {held.dtype} parameters on {held.device} but the stimulus is {stimulus.dtype} on "
            f"{stimulus.device}; expected the same (convert one of them, for instance with model.to({stimulus.dtype}))."
        )
    shown = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":.")
    return ModelError(
        f"{name} cannot take a stimulus of shape {tuple(stimulus.shape)}, {stimulus.dtype} on {stimulus.device}. It "
        f"raised {shown}. {_remedy(model, stimulus, options)}"
    )


def _remedy(model: Callable[..., Any], stimulus: Tensor, options: Mapping[str, Any]) -> str:
    def works(other: Tensor) -> bool:
        try:
            with torch.no_grad():
                model(other.clone(), **options)
        except Exception:  # the first error is the one to tell of
            return False
        return True

    if works(stimulus):
        return "Without a gradient it works: expected a model that works with one, too."
    if stimulus.ndim == 4 and stimulus.shape[1] == 1 and works(stimulus.expand(-1, 3, -1, -1)):
        return (
            "With three channels it works: load the image with as_gray=False, or repeat its grey with "
            "image.expand(-1, 3, -1, -1); on the command line, give --color."
        )
    if stimulus.ndim == 3 and works(stimulus[None]):
        return "With a batch dimension it works: give image[None]."
    return "Expected a model that takes stimuli of this shape: change the model, or size or channels of the stimulus."


def _first_parameter(model: object) -> Tensor | None:
    return next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
