"""Optimise one metric while another is held: the stimulus lives on a level set of the reference metric.

Every stimulus is first brought onto the level set along the ray from the image through it, and the gradient is that of
the objective along the level set. Any solver then sees a problem without that constraint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._core.tensors import dot, rows, spread
from metameric._objective._contest import Contest
from metameric._objective._return import TOLERANCE, Landed, Return
from metameric._objective._terms import Terms
from metameric._objective._trade_off import contest_parts


@dataclass(frozen=True)
class Held:
    """``+-optimized(x) + penalty_lambda * penalty(x)`` on the set where ``reference(x) == level``.

    With u = x - image and g the gradient of the reference metric, the gradient of the objective f along the level set
    is ``f' - (f'u / g'u) g``: what moving along f' and returning along the ray amounts to. Pixels at a bound neither
    move nor return.
    """

    contest: Contest
    penalty: Callable[..., Tensor]
    penalty_lambda: float
    back: Return

    def place(self, x: Tensor) -> Tensor:
        """Bring the stimuli onto the level set."""
        return self.back(self.contest, x).x

    def land(self, x: Tensor) -> tuple[Tensor, Terms]:
        """Bring the stimuli onto the level set and evaluate them there."""
        landing = self.back(self.contest, x)
        placed = landing.x.requires_grad_(x.requires_grad)
        return placed, self._evaluate(placed, landing)

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...), which lie on the level set up to rounding."""
        return self._evaluate(x, Landed.at(self.contest, x))

    def _evaluate(self, x: Tensor, landed: Landed) -> Terms:
        optimized = self.contest.optimized_value(x)
        penalty = each(self.penalty)(x)
        value = self.contest.sign * optimized + self.penalty_lambda * penalty
        parts = contest_parts(self.contest, optimized, landed.value, penalty)
        here = x.detach()
        ray = (here - self.contest.image).mul_(self.back.freedom(here))
        rise = dot(landed.normal, ray)
        parts["growth"] = rise / landed.value
        if not x.requires_grad:
            return Terms(value, parts)
        (uphill,) = torch.autograd.grad(value.sum(), x)
        price = dot(uphill, ray) / rise
        along = uphill - spread(price, x) * landed.normal
        # The second term undoes, to first order, what the rest of the distance from the level set does to the value.
        exact = value.detach() - price * (landed.value - self.contest.level)
        # A stimulus that could not be brought back is refused, whatever its value.
        exact = torch.where(parts["stray"] <= TOLERANCE, exact, torch.nan)
        return Terms(exact + rows(along * (x - here)).sum(1), parts)

    def from_point(self, parts: Mapping[str, Tensor]) -> "Held":
        """Return the objective whose ways back start with how the reference metric grows at a point near them."""
        known = parts.get("growth")
        return self if known is None else replace(self, back=self.back.expecting(known))

    def rows(self, index: Tensor) -> "Held":
        """Restrict to some of the problems."""
        return replace(self, contest=self.contest.rows(index), back=self.back.rows(index))
