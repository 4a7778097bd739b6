"""Any function of a stimulus as an objective."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import ModelError
from metameric._objective._terms import Terms


@dataclass(frozen=True)
class Function:
    """``sign * function(x, **data)``, one value per problem.

    The function returns (batch,) values, or these and a dictionary of named parts worth logging. `data` are tensors of
    which entry i belongs to problem i.
    """

    function: Callable[..., Any]
    data: Mapping[str, Tensor] = field(default_factory=dict)
    sign: float = 1.0

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...)."""
        answer = self.function(x, **self.data)
        value, parts = answer if isinstance(answer, tuple) else (answer, {})
        if not isinstance(value, Tensor) or value.reshape(-1).shape != x.shape[:1]:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ModelError(
                f"{name_of(self.function)} returned {found} for {x.shape[0]} stimuli; expected one value for each, "
                f"({x.shape[0]},): batch entries are problems of their own."
            )
        return Terms(self.sign * value.reshape(-1), dict(parts))

    def rows(self, index: Tensor) -> "Function":
        """Restrict to some of the problems."""
        return replace(self, data={name: value[index] for name, value in self.data.items()})
