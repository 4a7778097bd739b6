"""Draw random transformations anew as the synthesis goes on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._objective._terms import Control
from metameric._solve._trace import Trace


@dataclass(frozen=True)
class Redraw:
    """Count the draws: a new one every so many iterations. The number of the draw, not a random state, is the record.

    Between two draws the objective stays the same, as L-BFGS needs.
    """

    every: int = 1

    def start(self, n_problems: int, device: torch.device) -> Control:
        """Begin with draw 0."""
        return {"draw": torch.zeros(n_problems, dtype=torch.long, device=device)}

    def advance(self, control: Control, trace: Trace, stalled: Tensor) -> tuple[Control, Tensor]:
        """Draw again where it is due, or where this draw leads no further."""
        due = stalled if (len(trace) - 1) % self.every else torch.ones_like(stalled)
        return {"draw": control["draw"] + due}, due

    def finished(self, control: Control) -> Tensor:
        """Every draw is as good as another to end on."""
        return torch.ones_like(control["draw"], dtype=torch.bool)
