"""From functions that reduce over a batch to functions that give one value per problem."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import ModelError


def each(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a version of `function` that gives one value per batch entry.

    A function that offers an `each` attribute (metameric's own losses and penalties do) is asked for
    that; any other one is called on every entry alone, which is right whatever its reduction.
    """
    own = getattr(function, "each", None)
    if own is not None:
        return own

    def looped(*batches: Tensor, **kwargs: Any) -> Tensor:
        values = []
        for i in range(batches[0].shape[0]):
            value = function(*(b[i : i + 1] for b in batches), **kwargs)
            if not isinstance(value, Tensor) or value.numel() != 1:
                found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                name = getattr(function, "__name__", type(function).__name__)
                raise ModelError(f"{name} returned {found} for one batch entry; expected a tensor with a single value.")
            values.append(value.reshape(()))
        return torch.stack(values)

    return looped


class PerProblem:
    """A function of batches with one value per entry, which reduces over the batch when called.

    `each(...)` gives the values, (batch,); calling it gives the single number that the peers' functions
    of the same name give.
    """

    def __init__(self, function: Callable[..., Tensor], reduction: Callable[[Tensor], Tensor]) -> None:
        self.each = function
        self.reduction = reduction
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.reduction(self.each(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<{self.__module__.replace('._losses', '').replace('._range', '')}.{self.__name__}>"
