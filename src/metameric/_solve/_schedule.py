"""Schedules change an objective between steps: stages from coarse to fine, multipliers of a constraint."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metameric._objective._terms import Control
from metameric._solve._trace import Trace


@runtime_checkable
class Schedule(Protocol):
    """What changes, per problem. Objectives that follow it have a method ``at(control)``."""

    def start(self, n_problems: int, device: torch.device) -> Control:
        """Return the control values to begin with."""
        ...

    def advance(self, control: Control, trace: Trace, stalled: Tensor) -> tuple[Control, Tensor]:
        """Return the next control values, and where they differ from the present ones, (batch,).

        `stalled` marks the problems whose solver found no way on: they end here unless their control changes.
        """
        ...

    def finished(self, control: Control) -> Tensor:
        """Return where the stopping rule may end a problem, (batch,)."""
        ...
