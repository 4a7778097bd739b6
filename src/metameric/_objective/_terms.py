"""The contract of every objective."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeGuard, runtime_checkable

from torch import Tensor

Control = dict[str, Tensor]
"""Per-problem values that a schedule moves between steps: a stage, multipliers, weights."""


class Terms(NamedTuple):
    """What an objective says about a batch: the value to minimise and the named parts worth logging, each (batch,)."""

    total: Tensor
    parts: Mapping[str, Tensor]


@runtime_checkable
class Objective(Protocol):
    """A batch of independent problems: ``objective(x)`` gives one value per problem.

    Entry i of the result depends on entry i of `x` alone: the gradient of the sum holds every problem's own.
    """

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...)."""
        ...

    def rows(self, index: Tensor) -> "Objective":
        """Restrict to some of the problems, so that finished ones cost nothing."""
        ...


@runtime_checkable
class Controlled(Objective, Protocol):
    """An objective that a schedule changes as the synthesis goes on."""

    def at(self, control: Control) -> Objective:
        """Return the objective under these control values (for all the problems that it has)."""
        ...


@runtime_checkable
class Placing(Objective, Protocol):
    """An objective on a set of its own: stimuli are brought there before they are evaluated."""

    def place(self, x: Tensor) -> Tensor:
        """Return the stimuli on the set that belong to `x`."""
        ...


@runtime_checkable
class Landing(Placing, Protocol):
    """An objective that has already evaluated much of itself by the time a stimulus is in its place."""

    def land(self, x: Tensor) -> tuple[Tensor, Terms]:
        """Return the stimuli in their places, and what they are worth there, differentiable if `x` asks for it."""
        ...


@runtime_checkable
class Guided(Objective, Protocol):
    """An objective that finds its way faster with what is known where a step starts."""

    def from_point(self, parts: Mapping[str, Tensor]) -> Objective:
        """Return the objective for evaluations near a point with these parts."""
        ...


# An objective is asked at every evaluation: there `isinstance` with a protocol takes as long as an operation does.


def does_place(objective: Objective) -> TypeGuard[Placing]:
    """Tell whether it is `Placing`."""
    return hasattr(objective, "place")


def does_land(objective: Objective) -> TypeGuard[Landing]:
    """Tell whether it is `Landing`."""
    return hasattr(objective, "land")


def is_guided(objective: Objective) -> TypeGuard[Guided]:
    """Tell whether it is `Guided`."""
    return hasattr(objective, "from_point")
