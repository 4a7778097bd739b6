"""Coarse to fine: every problem goes through the stages at its own pace."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._objective._terms import Control
from metameric._solve._trace import Trace


@dataclass(frozen=True)
class CoarseToFine:
    """Go to the next stage when the objective has fallen by less than a fraction over `window` iterations of this one.

    Parameters
    ----------
    n_stages
        Number of stages; the last one is never left.
    fraction
        Relative fall below which a stage is done; None leaves every stage after `window` iterations.
    window
        Iterations to look back over.
    enough
        Relative representation error at which a stage is done at once; None for objectives without such a part.
    """

    n_stages: int
    fraction: float | None
    window: int
    enough: float | None = 1e-3

    def start(self, n_problems: int, device: torch.device) -> Control:
        """Begin at stage 0."""
        return {"stage": torch.zeros(n_problems, dtype=torch.long, device=device)}

    def advance(self, control: Control, trace: Trace, stalled: Tensor) -> tuple[Control, Tensor]:
        """Move the problems whose stage is done."""
        due = trace.unchanged(self.window)
        if self.fraction is not None and len(trace) > self.window:
            before, now = trace.last("total", self.window), trace.last("total")
            due = due & (before - now < self.fraction * before.abs())
        if self.fraction is not None and self.enough is not None:
            due = due | (trace.last("error") <= self.enough)
        changed = (due | stalled) & ~self.finished(control)
        return {"stage": control["stage"] + changed}, changed

    def finished(self, control: Control) -> Tensor:
        """Return where the last stage has begun."""
        return control["stage"] == self.n_stages - 1
