"""Schedules change an objective between steps: stages from coarse to fine, multipliers of a constraint."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from metameric._objective._terms import Control
from metameric._solve._trace import Trace


@runtime_checkable
class Schedule(Protocol):
    """What changes, per problem. Objectives that follow it have a method ``at(control)``."""

    def start(self, n_problems: int, device: object) -> Control:
        """Return the control values to begin with."""
        ...

    def advance(self, control: Control, trace: Trace) -> tuple[Control, Tensor]:
        """Return the next control values, and where they differ from the present ones, (batch,)."""
        ...

    def finished(self, control: Control) -> Tensor:
        """Return where the stopping rule may end a problem, (batch,)."""
        ...
