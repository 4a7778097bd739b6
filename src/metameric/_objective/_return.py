"""The way back to a level set of a metric: along the ray from the image, by a safeguarded secant search."""

from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import Flags, Indices, Numbers, entries, on_host, spread
from metameric._core.types import Number
from metameric._objective._contest import Contest, growth

TOLERANCE = 1e-3
"""How far the held metric may be from its level, relative to it."""


class Landed(NamedTuple):
    """Stimuli with the value of the reference metric, (batch,), and its gradient."""

    x: Tensor
    value: Tensor
    normal: Tensor

    @classmethod
    def at(cls, contest: Contest, x: Tensor) -> "Landed":
        """Evaluate the metric where the stimuli are."""
        return _Visit(contest, x).landed()

    def take(self, index: Tensor) -> "Landed":
        """Return some of the problems."""
        return Landed(*(entries(field, index) for field in self))

    def put(self, index: Tensor, other: "Landed") -> "Landed":
        """Return a copy in which the problems `index`, sorted, are those of `other`."""
        if index.numel() == self.value.numel():
            return other
        return Landed(*(mine.index_copy(0, index, its) for mine, its in zip(self, other, strict=True)))


class _Visit:
    """An evaluation of the reference metric that can be differentiated afterwards, where it turns out to be wanted."""

    def __init__(self, contest: Contest, x: Tensor) -> None:
        self._x = x.detach().requires_grad_()
        with torch.enable_grad():
            self._graph = contest.reference_value(self._x)
        self.value = self._graph.detach()
        (self.excess,) = on_host((self.value / contest.level).log())

    def landed(self) -> Landed:
        (normal,) = torch.autograd.grad(self._graph, self._x, torch.ones_like(self._graph))
        return Landed(self._x.detach(), self.value, normal)


@dataclass(frozen=True)
class Return:
    """Scale ``x - image`` until the reference metric has its level, within the range from `low` to `high`.

    The search is a secant search on logarithms, exact after one step for metrics that grow with a power of the
    distance. `power` is the first guess of that power, (batch,). Pixels at a bound keep their value as long as the
    others suffice. A search ends where a step leaves more of the excess than the part `patience`: the pixels that are
    free to move will soon be at their bounds.
    """

    power: Tensor
    low: float = -torch.inf
    high: float = torch.inf
    tolerance: float = 3e-4
    max_evaluations: int = 12
    margin: float = 0.005
    patience: float = 0.6

    def freedom(self, x: Tensor) -> Tensor:
        """Return how freely pixels move: 0 at a bound, growing to 1 within a fraction `margin` of the range of it.

        So the way back changes little where pixels leave a bound, or meet one, by little.
        """
        if not isfinite(self.high - self.low):
            return torch.ones_like(x)
        room = x - self.low
        torch.minimum(room, self.high - x, out=room)
        return room.div_(self.margin * (self.high - self.low)).clamp_(0, 1)

    def expecting(self, growth: Tensor) -> "Return":
        """Return a search with another first guess of the power, where that is one that a metric can have."""
        return replace(self, power=torch.where((growth > _LEAST) & (growth < _MOST), growth.to(self.power), self.power))

    def rows(self, index: Tensor) -> "Return":
        """Restrict to some of the problems."""
        return replace(self, power=self.power[index])

    def __call__(self, contest: Contest, x: Tensor) -> Landed:
        """Return stimuli on the level set; where there are none on the ray, a problem comes back off the level."""
        x = x.detach().clamp(self.low, self.high)
        found, done, first = self._search(contest, x, self.freedom(x))
        if done.all():
            return found
        again = torch.from_numpy(np.flatnonzero(~done)).to(x.device)
        part, start = contest.rows(again), x[again]
        second, reached, _ = self.rows(again)._search(part, start, torch.ones_like(start), first[~done])
        lost = torch.from_numpy(np.flatnonzero(~reached)).to(x.device)
        if lost.numel():
            second = second.put(lost, Landed.at(part.rows(lost), start[lost]))
        return found.put(again, second)

    def _search(
        self, contest: Contest, x: Tensor, freedom: Tensor, known: Numbers | None = None
    ) -> tuple[Landed, Flags, Numbers]:
        """Search along the rays, moving pixels as freely as given.

        `known` is by how much the metric exceeds its level at the start, as a logarithm, where an earlier search found
        it, and did not end there. Return the stimuli, where the level was met, and that excess.
        """
        found = Landed(x, contest.level, torch.zeros_like(x))
        # What is one number per problem is worked out on the host.
        step = _Secant(on_host(self.power)[0], self.patience)
        pending = np.arange(x.shape[0])
        done = np.zeros(x.shape[0], dtype=bool)
        part, trial = contest, x
        visited: _Visit | None = None
        if known is None:
            visited = _Visit(part, trial)
            known = visited.excess
        excess = known
        for evaluations in range(1, self.max_evaluations + 1):
            near = abs(excess) <= self.tolerance
            if visited is not None and near.any():
                # The evaluation that meets the level is also the one that is differentiated.
                met, which = (torch.from_numpy(i).to(x.device) for i in (pending[near], np.flatnonzero(near)))
                found = found.put(met, visited.landed().take(which))
                done[pending[near]] = True
            go_on = ~near & np.isfinite(excess) & ~step.leads_away(pending, excess)
            pending = pending[go_on]
            if len(pending) == 0 or evaluations == self.max_evaluations:
                break
            scale = torch.from_numpy(step(pending, excess[go_on])).to(x)
            index = torch.from_numpy(pending).to(x.device)
            part = contest if len(pending) == x.shape[0] else contest.rows(index)
            start = entries(x, index)
            way = (start - part.image).mul_(entries(freedom, index)).mul_(spread(scale - 1, x))
            trial = way.add_(start).clamp_(self.low, self.high)
            visited = _Visit(part, trial)
            excess = visited.excess
        return found, done, known


def scaled_to(contest: Contest, start: Tensor, value: Number | Tensor, bounds: tuple[float, float]) -> Tensor:
    """Scale the difference from the image until the reference metric has a wanted value."""
    level = torch.as_tensor(value).to(start).expand(start.shape[0])
    if not bool((level > 0).all()):
        raise InputError(f"reference_value is {value}; expected more than 0.")
    contest = replace(contest, level=level)
    scaled = Return(growth(contest, start), *bounds, tolerance=1e-5, patience=1.0)(contest, start).x
    with torch.no_grad():
        off = (contest.reference_value(scaled) / level - 1).abs()
    if not bool((off <= TOLERANCE).all()):
        raise InputError(
            f"no scale of the noise gives the reference metric the value {value} (off by {100 * float(off.max()):.2g} "
            "%); expected a value that it can take within the allowed range."
        )
    return scaled


_LEAST, _MOST = 0.05, 50
"""Between what the power of a metric, with the distance from the image, may lie."""


class _Secant:
    """Search for the scale at which a metric has its level, both as logarithms, per problem."""

    def __init__(self, power: Numbers, patience: float) -> None:
        self.slope, self.patience = power, patience
        self.at = np.zeros_like(power)
        self.before, self.excess = np.full_like(power, np.nan), np.full_like(power, np.nan)
        self.low, self.high = np.full_like(power, -np.inf), np.full_like(power, np.inf)

    def leads_away(self, i: Indices, excess: Numbers) -> Flags:
        """Return where scaling brought the metric hardly nearer and its level is not between two scales either."""
        enclosed = np.isfinite(self.low[i]) & np.isfinite(self.high[i])
        slow = abs(excess) >= self.patience * abs(self.excess[i])
        return slow & ((excess > 0) == (self.excess[i] > 0)) & ~enclosed

    def __call__(self, i: Indices, excess: Numbers) -> Numbers:
        """Take in the excess found at the last scale of the problems `i`, and return the scale to try next."""
        at = self.at[i]
        with np.errstate(all="ignore"):
            slope = (excess - self.excess[i]) / (at - self.before[i])
            slope = np.where((slope > _LEAST) & (slope < _MOST), slope, self.slope[i])
            following = at + np.clip(-excess / slope, -1, 1)
            low = np.where(excess < 0, at, self.low[i])
            high = np.where(excess > 0, at, self.high[i])
            outside = (following <= low) | (following >= high)
            following = np.where(outside, (low + high) / 2, following)
        self.slope[i], self.low[i], self.high[i] = slope, low, high
        self.before[i], self.excess[i], self.at[i] = at, excess, following
        return np.exp(following)
