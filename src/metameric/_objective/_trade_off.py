"""Optimise one metric while a penalty draws another one towards its level."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._objective._contest import Contest
from metameric._objective._terms import Terms


@dataclass(frozen=True)
class TradeOff:
    """``+-optimized(x) + weight * (reference(x) - level)**2 + penalty_lambda * penalty(x)``, one value per problem."""

    contest: Contest
    weight: float
    penalty: Callable[..., Tensor]
    penalty_lambda: float

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...)."""
        optimized = self.contest.optimized_value(x)
        reference = self.contest.reference_value(x)
        penalty = each(self.penalty)(x)
        total = self.contest.sign * optimized + self.weight * (reference - self.contest.level) ** 2
        return Terms(total + self.penalty_lambda * penalty, contest_parts(self.contest, optimized, reference, penalty))

    def rows(self, index: Tensor) -> "TradeOff":
        """Restrict to some of the problems."""
        return replace(self, contest=self.contest.rows(index))


def contest_parts(contest: Contest, optimized: Tensor, reference: Tensor, penalty: Tensor) -> dict[str, Tensor]:
    """Return the values worth logging; `stray` is the relative distance of the reference metric from its level."""
    with torch.no_grad():
        stray = (reference / contest.level - 1).abs()
    return {"optimized_metric": optimized, "reference_metric": reference, "penalty": penalty, "stray": stray}
