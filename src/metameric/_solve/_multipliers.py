"""Multipliers of inequality constraints, moved between minimisations: the augmented Lagrangian method."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.tensors import spread
from metameric._objective._terms import Control
from metameric._solve._trace import Trace


@dataclass(frozen=True)
class Multipliers:
    """Update when the augmented Lagrangian has settled (Nocedal & Wright 2006, algorithm 17.4).

    Multipliers become ``max(0, m + w g)``; the weight grows where the worst violation has not fallen enough.

    Parameters
    ----------
    n_members
        Constraints per problem; the objective logs their values g as the part `excess`, (batch, n_members).
    weight
        The weight to begin with.
    growth
        Factor of the weight where a violation has not fallen to a quarter.
    window
        Iterations of little change after which multipliers are updated.
    fraction
        What little change is, relative to the value (at least one).
    tolerance
        Largest g with which a problem may end.
    slack
        Factor by which requirements are wider at first; each update takes a third of it away. A set spreads through a
        wide corridor, not through a narrow one.
    """

    n_members: int
    weight: float = 10.0
    growth: float = 3.0
    window: int = 10
    fraction: float = 1e-4
    tolerance: float = 1e-3
    slack: float = 1.0

    def start(self, n_problems: int, device: torch.device) -> Control:
        """Begin without multipliers."""
        zeros = torch.zeros(n_problems, self.n_members, dtype=torch.float64, device=device)
        everything = torch.ones(n_problems, dtype=torch.float64, device=device)
        start = {"multiplier": zeros, "weight": self.weight * everything, "violation": torch.inf * everything}
        return {**start, "slack": self.slack * everything}

    def advance(self, control: Control, trace: Trace, stalled: Tensor) -> tuple[Control, Tensor]:
        """Update the problems that have settled."""
        due = stalled
        if len(trace) > self.window:
            now, before = trace.last("total"), trace.last("total", self.window)
            due = due | (trace.unchanged(self.window) & (before - now < self.fraction * now.abs().clamp(min=1)))
        excess, weight = trace.last("excess").double(), control["weight"]
        multiplier = (control["multiplier"] + spread(weight, excess) * excess).clamp(min=0)
        # What counts is also how far a constraint that pulls is from being just met.
        violation = torch.maximum(excess, -control["multiplier"] / spread(weight, excess)).abs().amax(1)
        slow = violation > 0.25 * control["violation"]
        larger = torch.where(slow & (violation > self.tolerance), self.growth * weight, weight)
        slack = (control["slack"] / 3).clamp(min=1)
        # g is in units of the square of what is required: the same pull needs smaller multipliers for tighter ones.
        multiplier = multiplier * spread((slack / control["slack"]) ** 2, multiplier)
        return {"multiplier": multiplier, "weight": larger, "violation": violation, "slack": slack}, due

    def finished(self, control: Control) -> Tensor:
        """Return where all constraints hold."""
        return (control["violation"] <= self.tolerance) & (control["slack"] == 1)
