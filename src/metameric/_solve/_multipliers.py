"""Multipliers of inequality constraints, moved between minimisations: the augmented Lagrangian method."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.tensors import spread
from metameric._objective._terms import Control
from metameric._solve._status import Status
from metameric._solve._stop import Stop
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
    fraction, finest
        What little change is, relative to the value (at least one): at first, and before a problem may end. Each
        update divides it by ten.
    tolerance
        Largest g with which a problem may end.
    slack
        Factor by which requirements are wider at first; each update leaves a third of it. A set spreads through a
        wide corridor, not through a narrow one.
    patience
        Iterations after which multipliers are updated even if the augmented Lagrangian has not settled; None waits.
    budget
        Iterations after which, or earlier if all constraints hold, only the violations count any more (the control
        `repair`), so that the constraints hold in the end. None never gives up what is sought.
    most
        Weight beyond which rounding would drown what is sought: a problem whose constraints do not hold by then has no
        solution near by, and `Exhausted` ends it.
    """

    n_members: int
    weight: float = 10.0
    growth: float = 3.0
    window: int = 10
    fraction: float = 1e-4
    finest: float = 1e-7
    tolerance: float = 1e-4
    slack: float = 1.0
    patience: int | None = None
    budget: int | None = None
    most: float = 1e7

    def start(self, n_problems: int, device: torch.device) -> Control:
        """Begin without multipliers."""
        zeros = torch.zeros(n_problems, self.n_members, dtype=torch.float64, device=device)
        everything = torch.ones(n_problems, dtype=torch.float64, device=device)
        start = {"multiplier": zeros, "weight": self.weight * everything, "violation": torch.inf * everything}
        return {
            **start,
            "slack": self.slack * everything,
            "repair": 0 * everything,
            "fraction": self.fraction * everything,
        }

    def advance(self, control: Control, trace: Trace, stalled: Tensor) -> tuple[Control, Tensor]:
        """Update the problems that have settled."""
        due = stalled
        if len(trace) > self.window:
            now, before = trace.last("total"), trace.last("total", self.window)
            due = due | (trace.unchanged(self.window) & (before - now < control["fraction"] * now.abs().clamp(min=1)))
        if self.patience is not None:
            due = due | trace.unchanged(self.patience)
        spent = self.budget is not None and len(trace) > self.budget
        due = (due | spent) & ~self.finished(control)
        excess, weight = trace.last("excess").double(), control["weight"]
        multiplier = (control["multiplier"] + spread(weight, excess) * excess).clamp(min=0)
        # What counts is also how far a constraint that pulls is from being just met.
        violation = torch.maximum(excess, -control["multiplier"] / spread(weight, excess)).abs().amax(1)
        slow = violation > 0.25 * control["violation"]
        larger = torch.where(slow & (violation > self.tolerance), self.growth * weight, weight).clamp(max=self.most)
        # The violations that count alone in the end are those of the requirements themselves.
        slack = torch.ones_like(larger) if spent else (control["slack"] / 3).clamp(min=1)
        # g is in units of the square of what is required: the same pull needs smaller multipliers for tighter ones.
        multiplier = multiplier * spread((slack / control["slack"]) ** 2, multiplier)
        fraction = (control["fraction"] / 10).clamp(min=self.finest)
        moved = {"multiplier": multiplier, "weight": larger, "violation": violation}
        moved |= {"slack": slack, "fraction": fraction}
        repair = torch.zeros_like(due) if self.budget is None else self._hold(moved) | spent
        return {**moved, "repair": repair.double()}, due

    def finished(self, control: Control) -> Tensor:
        """Return where all constraints hold, or only they count."""
        hopeless = control["weight"] >= self.most
        return self._hold(control) | hopeless if self.budget is None else control["repair"] == 1

    def _hold(self, control: Control) -> Tensor:
        settled = control["fraction"] <= self.finest
        return (control["violation"] <= self.tolerance) & (control["slack"] == 1) & settled


@dataclass(frozen=True)
class Exhausted(Stop):
    """Ended, but not converged: the weight of the constraints has reached its `most`, and they still do not hold."""

    most: float

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        return (trace.last("weight") >= self.most).long() * Status.STALLED.code
