"""Stopping rules: small objects over the trace, composable with ``|`` (either) and ``&`` (both).

A rule answers for every problem with a status code, 0 for "go on".
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._solve._status import Status
from metameric._solve._trace import Trace


class Stop:
    """Base of the stopping rules."""

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem, (batch,), int64; 0 means go on."""
        raise NotImplementedError

    def __or__(self, other: "Stop") -> "Stop":
        return Either(self, other)

    def __and__(self, other: "Stop") -> "Stop":
        return Both(self, other)


@dataclass(frozen=True)
class Either(Stop):
    """Stop where one of two rules does; the first one's answer counts where both do."""

    first: Stop
    second: Stop

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        a, b = self.first(trace), self.second(trace)
        return torch.where(a != 0, a, b)


@dataclass(frozen=True)
class Both(Stop):
    """Stop where two rules both do, with the first one's answer."""

    first: Stop
    second: Stop

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        a, b = self.first(trace), self.second(trace)
        return torch.where(b != 0, a, b)


@dataclass(frozen=True)
class Early(Stop):
    """Apply a rule to problems that have begun again less than `starts` times.

    A start that leads to nothing is known long before it has come to its end.
    """

    rule: Stop
    starts: int

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        return torch.where(trace.last("changes") < self.starts, self.rule(trace), 0)


@dataclass(frozen=True)
class Below(Stop):
    """Converged once a named value is at most `tolerance`, one for all problems or (batch,).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> metamer.synthesize(stop=mm.Below("error", 0.1), progress=False).converged
    True
    """

    name: str
    tolerance: float | Tensor

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        return (trace.last(self.name) <= self.tolerance).long() * Status.CONVERGED.code


@dataclass(frozen=True)
class SmallChange(Stop):
    """Converged once a value has changed by less than `tolerance` over `window` points: plenoptic's rule.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> metamer.synthesize(stop=mm.SmallChange(1e-4, window=5), progress=False).converged
    True
    """

    tolerance: float
    window: int
    name: str = "total"

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        now = trace.last(self.name)
        if len(trace) <= self.window:
            return torch.zeros_like(now, dtype=torch.long)
        change = (trace.last(self.name, self.window) - now).abs()
        return ((change < self.tolerance) & trace.unchanged(self.window)).long() * Status.CONVERGED.code


@dataclass(frozen=True)
class Plateau(Stop):
    """Ended, but not converged: the best value fell by less than a fraction `fraction` over `window` points.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> stop = mm.Below("error", 1e-3) | mm.Plateau(0.01, window=20)
    >>> metamer.synthesize(stop=stop, progress=False).status
    [<Status.CONVERGED: ...>]
    """

    fraction: float
    window: int
    name: str = "total"
    status: Status = Status.STALLED

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        now = trace.last(self.name)
        if len(trace) <= self.window:
            return torch.zeros_like(now, dtype=torch.long)
        before = trace.last(self.name, self.window)
        flat = before - now < self.fraction * before.abs()
        return (flat & trace.unchanged(self.window)).long() * self.status.code


@dataclass(frozen=True)
class Stationary(Stop):
    """Converged where the objective is flat: what is left of the gradient is at most a fraction `tolerance`.

    Of the largest gradient seen since the objective last changed; on a curved constraint, where only the part along
    the set counts, also of the gradient itself.
    """

    tolerance: float

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        along = trace["gradient_norm"]
        steep = torch.zeros_like(along[-1])
        if "slope" in trace:
            steep, along = along[-1], along * trace["slope"]
        if "changes" in trace:
            same = trace["changes"] == trace.last("changes")
            along = torch.where(same, along, torch.zeros_like(along))
        flat = along[-1] <= self.tolerance * torch.maximum(along.max(0).values, steep)
        return flat.long() * Status.CONVERGED.code


@dataclass(frozen=True)
class Flat(Stop):
    """Ended, but not converged: the objective has had no gradient at all since it last changed.

    A unit that is silent, behind a ReLU, has none, and nothing tells where it would begin to respond.
    """

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        gradient = trace["gradient_norm"]
        if "changes" in trace:
            same = trace["changes"] == trace.last("changes")
            gradient = torch.where(same, gradient, torch.zeros_like(gradient))
        return (gradient == 0).all(0).long() * Status.FLAT.code


@dataclass(frozen=True)
class Halving(Stop):
    """Of every `n` problems in a row the better half goes on after `first`, 2 `first`, 4 `first`, ... iterations.

    When one is left, all have ended. Successive halving (Jamieson & Talwalkar 2016) finds the better of many starts
    with few evaluations, since the more iterations there were, the better they tell.
    """

    n: int
    first: int

    def __call__(self, trace: Trace) -> Tensor:
        """Return a status code per problem."""
        left = self.left(trace)
        go_on = left & (left.sum(1, keepdim=True) > 1)
        return (~go_on).long().flatten() * Status.CONVERGED.code

    def left(self, trace: Trace) -> Tensor:
        """Return which problems are still in the race, (groups, n)."""
        left = torch.ones_like(trace.last("total"), dtype=torch.bool).reshape(-1, self.n)
        n, iteration = self.n, self.first
        while n > 1 and iteration < len(trace):
            total = torch.nan_to_num(trace.columns["total"][iteration], nan=torch.inf).reshape(-1, self.n)
            n, iteration = -(-n // 2), 2 * iteration
            best = total.masked_fill(~left, torch.inf).argsort(dim=1, stable=True)[:, :n]
            left = torch.zeros_like(left).scatter_(1, best, True)
        return left

    def most_iterations(self) -> int:
        """Return after how many iterations one is left."""
        return int(self.first * 2 ** max((self.n - 1).bit_length() - 1, 0))


class Never(Stop):
    """Go on to the step limit.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> str(metamer.synthesize(3, stop=mm.Never(), progress=False).status[0])
    'step limit'
    """

    def __call__(self, trace: Trace) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(trace.last("total"), dtype=torch.long)
