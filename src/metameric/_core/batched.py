"""From functions that reduce over a batch to functions that give one value per problem."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import ModelError


class PerProblem:
    """A function of batches with one value per entry; calling it treats the whole batch as one problem.

    ``f.each(...)`` gives the values, (batch,); ``f(...)`` a single number, as peers' functions do.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.each = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        whole = (a.unsqueeze(0) if isinstance(a, Tensor) else a for a in args)
        named = {k: v.unsqueeze(0) if isinstance(v, Tensor) else v for k, v in kwargs.items()}
        return self.each(*whole, **named).squeeze(0)

    def __reduce__(self) -> str | tuple[Any, ...]:
        # What is known by a name stays one object, as functions do: penalties are told apart by identity.
        if getattr(sys.modules.get(self.__module__), self.__qualname__, None) is self:
            return self.__qualname__
        return PerProblem, (self.each,)

    def __repr__(self) -> str:
        return f"<{name_of(self)}>"


def name_of(function: Callable[..., Any]) -> str:
    """Return a readable name of a function, a module or any callable object."""
    return getattr(function, "__name__", None) or type(function).__name__


def each(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a version of `function` that gives one value per batch entry.

    A function that offers an `each` attribute (metameric's own losses and penalties do) is asked for
    that; any other one is called on every entry alone, which is right whatever its reduction.
    """
    own = getattr(function, "each", None)
    return own if callable(own) else _Looped(function)


class _Looped:
    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function

    def __call__(self, *batches: Tensor, **kwargs: Any) -> Tensor:
        return torch.stack(
            [
                single_value(self.function(*(b[i : i + 1] for b in batches), **kwargs), name_of(self.function))
                for i in range(batches[0].shape[0])
            ]
        )


def single_value(value: object, name: str) -> Tensor:
    """Return `value` as a scalar tensor, or say what was found instead."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise ModelError(
            f"{name} returned {found} for one batch entry; expected a tensor with a single value "
            "(average over channels and pixels before returning)."
        )
    return value.reshape(())
