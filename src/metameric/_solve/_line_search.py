"""Strong-Wolfe line search for a batch of problems, each with its own bracket (Nocedal & Wright 2006, alg. 3.5, 3.6).

Near the end of a float32 run, values agree to rounding while slopes still tell; the approximate Wolfe condition of
Hager & Zhang (2005) accepts such steps. What is one number per problem is worked out on the host, in float64: there it
costs a few microseconds where each operation on an accelerator, or of tensors, costs as much by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metameric._core.tensors import Flags, Indices, Numbers, dot, entries, on_host, spread
from metameric._solve._point import Evaluate, Point


class Outcome(NamedTuple):
    """The best point found, whether it is better than the start, and whether any trial was finite; each per problem."""

    point: Point
    improved: Flags
    saw_finite: Flags


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
        first_step: Numbers,
        move: Callable[[Tensor, Tensor], Tensor],
        along: Callable[[Tensor, Tensor], Tensor],
        slope: Numbers | None = None,
    ) -> Outcome:
        """Search from `start` along `direction`; `move` and `along` are those of the constraint.

        `slope` is that of the objective at the start, if it is known.
        """
        (value,) = on_host(start.total)
        if slope is None:
            (slope,) = on_host(dot(start.gradient, direction))
        bracket = _Bracket(value, slope, first_step.copy())
        best, device = start, start.total.device
        pending, saw_finite = np.flatnonzero(slope < 0), ~(slope < 0)
        for _ in range(self.max_evaluations if len(pending) else 0):
            t = bracket.t[pending]
            index = torch.from_numpy(pending).to(device)
            heading = entries(direction, index)
            step = spread(torch.from_numpy(t).to(heading), heading) * heading
            trial = evaluate(move(entries(start.x, index), step), index)
            value, slope = on_host(trial.total, dot(trial.gradient, along(trial.x, heading)))
            finite = np.isfinite(value) & np.isfinite(slope)
            saw_finite[pending] |= finite
            good = finite & self._accepts(bracket, pending, t, value, slope, start.total.dtype)
            is_low = bracket.narrow(pending, t, value, slope, finite, good, self.decrease)
            if is_low.all():
                best = best.put(index, trial)
            elif is_low.any():
                which = torch.from_numpy(np.flatnonzero(is_low)).to(device)
                best = best.put(index[which], trial.take(which))
            pending = pending[~good]
            if len(pending) == 0:
                break
            bracket.propose(pending)
            pending = pending[~bracket.known(pending)]
            if len(pending) == 0:
                break
        return Outcome(best, bracket.low_t > 0, saw_finite)

    def _accepts(
        self, bracket: "_Bracket", i: Indices, t: Numbers, value: Numbers, slope: Numbers, dtype: torch.dtype
    ) -> Flags:
        value0, slope0 = bracket.value0[i], bracket.slope0[i]
        with np.errstate(invalid="ignore"):
            strong = (value <= value0 + self.decrease * t * slope0) & (abs(slope) <= self.curvature * abs(slope0))
            rounding = 4 * torch.finfo(dtype).eps * abs(value0)
            slopes = ((2 * self.decrease - 1) * slope0 >= slope) & (slope >= self.curvature * slope0)
            return strong | ((value <= value0 + rounding) & slopes)


class _Bracket:
    """Interval of steps per problem: `low` is the best one so far, `high` the other end (infinite while open)."""

    def __init__(self, value: Numbers, slope: Numbers, first_step: Numbers) -> None:
        self.value0, self.slope0 = value, slope
        self.t = first_step
        self.low_t = np.zeros_like(first_step)
        self.low_value, self.low_slope = value.copy(), slope.copy()
        self.high_t, self.high_value, self.high_slope = (np.full_like(first_step, np.inf) for _ in range(3))

    def narrow(
        self, i: Indices, t: Numbers, value: Numbers, slope: Numbers, finite: Flags, good: Flags, decrease: float
    ) -> Flags:
        """Take a trial of the problems `i` in; return where it has become the low end."""
        with np.errstate(invalid="ignore"):
            enough = value <= self.value0[i] + decrease * t * self.slope0[i]
            is_low = good | (finite & enough & (value < self.low_value[i]))
            # The old low end becomes the high one where the minimum lies between it and the trial.
            turned = is_low & (slope * (self.high_t[i] - self.low_t[i]) >= 0)
        for name, trial in (("t", t), ("value", value), ("slope", slope)):
            low, high = getattr(self, f"low_{name}"), getattr(self, f"high_{name}")
            high[i] = np.where(turned, low[i], np.where(is_low, high[i], trial))
            low[i] = np.where(is_low, trial, low[i])
        return is_low

    def propose(self, i: Indices) -> None:
        """Choose the next step of the problems `i`."""
        low, high = self.low_t[i], self.high_t[i]
        with np.errstate(all="ignore"):
            width = high - low
            inner = low + _cubic_minimum(
                width, self.low_value[i], self.high_value[i], self.low_slope[i], self.high_slope[i]
            )
            inner = np.where(np.isfinite(self.high_value[i]) & np.isfinite(inner), inner, low + 0.1 * width)
            edges = low + 0.1 * width, low + 0.9 * width
            inner = np.maximum(np.minimum(*edges), np.minimum(np.maximum(*edges), inner))
            self.t[i] = np.where(np.isfinite(high), inner, self._further(i))

    def known(self, i: Indices) -> Flags:
        """Return where a good step is known to a hundredth, as at a kink: more trials would gain nothing."""
        low, high = self.low_t[i], self.high_t[i]
        return (low > 0) & (abs(high - low) <= 0.01 * low)

    def _further(self, i: Indices) -> Numbers:
        # While the interval is open the low end is the last trial: where would the slope vanish?
        t = self.low_t[i]
        rise = (self.low_slope[i] - self.slope0[i]) / t
        step = t - self.low_slope[i] / rise
        return np.where(rise > 0, np.clip(step, 2 * t, 10 * t), 4 * t)


def _cubic_minimum(width: Numbers, f0: Numbers, f1: Numbers, g0: Numbers, g1: Numbers) -> Numbers:
    """Minimum, as a distance from the first end, of the cubic with these values and slopes at both ends."""
    d1 = g0 + g1 - 3 * (f1 - f0) / width
    square = d1 * d1 - g0 * g1
    d2 = np.sign(width) * np.sqrt(np.maximum(square, 0))
    return np.where(square >= 0, width - width * (g1 + d2 - d1) / (g1 - g0 + 2 * d2), 0.5 * width)
