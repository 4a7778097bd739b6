"""Strong-Wolfe line search for a batch of problems, each with its own bracket (Nocedal & Wright 2006, alg. 3.5, 3.6).

Near the end of a float32 run, values agree to rounding while slopes still tell; the approximate Wolfe condition of
Hager & Zhang (2005) accepts such steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from metameric._core.tensors import dot, entries, spread
from metameric._solve._point import Evaluate, Point


class Outcome(NamedTuple):
    """The best point found, whether it is better than the start, and whether any trial was finite; each per problem."""

    point: Point
    improved: Tensor
    saw_finite: Tensor


@dataclass(frozen=True)
class StrongWolfe:
    """Settings: sufficient decrease, curvature, evaluations per search, and the rounding allowed in the value."""

    decrease: float = 1e-4
    curvature: float = 0.9
    max_evaluations: int = 20

    def __call__(
        self,
        evaluate: Evaluate,
        start: Point,
        direction: Tensor,
        first_step: Tensor,
        move: Callable[[Tensor, Tensor], Tensor],
        along: Callable[[Tensor, Tensor], Tensor],
    ) -> Outcome:
        """Search from `start` along `direction`; `move` and `along` are those of the constraint."""
        bracket = _Bracket(start, dot(start.gradient, direction), first_step)
        best = start
        downhill = bracket.slope0 < 0
        pending, saw_finite = downhill.nonzero()[:, 0], ~downhill
        for _ in range(self.max_evaluations if pending.numel() else 0):
            heading = entries(direction, pending)
            t = bracket.t[pending]
            step = spread(t.to(heading.dtype), heading) * heading
            trial = evaluate(move(entries(start.x, pending), step), pending)
            slope = dot(trial.gradient, along(trial.x, heading)).double()
            value = trial.total.double()
            finite = torch.isfinite(value) & torch.isfinite(slope)
            saw_finite[pending] |= finite
            good = finite & self._accepts(bracket, pending, t, value, slope, start.total.dtype)
            is_low = bracket.narrow(pending, t, value, slope, finite, good, self.decrease)
            if bool(is_low.all()):
                best = best.put(pending, trial)
            elif bool(is_low.any()):
                best = best.put(pending[is_low], trial.take(is_low.nonzero()[:, 0]))
            pending = pending[~good]
            if pending.numel() == 0:
                break
            bracket.propose(pending)
            pending = pending[~bracket.known(pending)]
            if pending.numel() == 0:
                break
        return Outcome(best, bracket.low_t > 0, saw_finite)

    def _accepts(
        self, bracket: "_Bracket", i: Tensor, t: Tensor, value: Tensor, slope: Tensor, dtype: torch.dtype
    ) -> Tensor:
        value0, slope0 = bracket.value0[i], bracket.slope0[i]
        strong = (value <= value0 + self.decrease * t * slope0) & (slope.abs() <= self.curvature * slope0.abs())
        rounding = 4 * torch.finfo(dtype).eps * value0.abs()
        slopes = ((2 * self.decrease - 1) * slope0 >= slope) & (slope >= self.curvature * slope0)
        return strong | ((value <= value0 + rounding) & slopes)


class _Bracket:
    """Interval of steps per problem: `low` is the best one so far, `high` the other end (infinite while open)."""

    def __init__(self, start: Point, slope: Tensor, first_step: Tensor) -> None:
        self.value0, self.slope0 = start.total.double(), slope.double()
        self.t = first_step.double()
        self.low_t = torch.zeros_like(self.t)
        self.low_value, self.low_slope = self.value0.clone(), self.slope0.clone()
        self.high_t = torch.full_like(self.t, torch.inf)
        self.high_value, self.high_slope = self.high_t.clone(), self.high_t.clone()

    def narrow(
        self, i: Tensor, t: Tensor, value: Tensor, slope: Tensor, finite: Tensor, good: Tensor, decrease: float
    ) -> Tensor:
        """Take a trial of the problems `i` in; return where it has become the low end."""
        enough = value <= self.value0[i] + decrease * t * self.slope0[i]
        is_low = good | (finite & enough & (value < self.low_value[i]))
        # The old low end becomes the high one where the minimum lies between it and the trial.
        turned = is_low & (slope * (self.high_t[i] - self.low_t[i]) >= 0)
        for name, trial in (("t", t), ("value", value), ("slope", slope)):
            low, high = getattr(self, f"low_{name}"), getattr(self, f"high_{name}")
            high[i] = torch.where(turned, low[i], torch.where(is_low, high[i], trial))
            low[i] = torch.where(is_low, trial, low[i])
        return is_low

    def propose(self, i: Tensor) -> None:
        """Choose the next step of the problems `i`."""
        low, high = self.low_t[i], self.high_t[i]
        width = high - low
        inner = low + _cubic_minimum(
            width, self.low_value[i], self.high_value[i], self.low_slope[i], self.high_slope[i]
        )
        inner = torch.where(torch.isfinite(self.high_value[i]) & torch.isfinite(inner), inner, low + 0.1 * width)
        edge_a, edge_b = low + 0.1 * width, low + 0.9 * width
        inner = torch.maximum(torch.minimum(edge_a, edge_b), torch.minimum(torch.maximum(edge_a, edge_b), inner))
        self.t[i] = torch.where(torch.isfinite(high), inner, self._further(i))

    def known(self, i: Tensor) -> Tensor:
        """Return where a good step is known to a hundredth, as at a kink: more trials would gain nothing."""
        low, high = self.low_t[i], self.high_t[i]
        return (low > 0) & ((high - low).abs() <= 0.01 * low)

    def _further(self, i: Tensor) -> Tensor:
        # While the interval is open the low end is the last trial: where would the slope vanish?
        t = self.low_t[i]
        rise = (self.low_slope[i] - self.slope0[i]) / t
        step = t - self.low_slope[i] / rise
        return torch.where(rise > 0, step.clamp(min=2 * t, max=10 * t), 4 * t)


def _cubic_minimum(width: Tensor, f0: Tensor, f1: Tensor, g0: Tensor, g1: Tensor) -> Tensor:
    """Minimum, as a distance from the first end, of the cubic with these values and slopes at both ends."""
    d1 = g0 + g1 - 3 * (f1 - f0) / width
    square = d1 * d1 - g0 * g1
    d2 = torch.sign(width) * square.clamp(min=0).sqrt()
    return torch.where(square >= 0, width - width * (g1 + d2 - d1) / (g1 - g0 + 2 * d2), 0.5 * width)
