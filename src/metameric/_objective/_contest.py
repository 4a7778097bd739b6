"""Two metrics with opposite roles: one is driven up or down, the other is kept where it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._core.fixed import Fixed

Role = int | Tensor
"""Which of the metrics: one for all problems, or one per problem, (batch,)."""


@dataclass(frozen=True)
class Contest:
    """Which metrics compare the stimuli with the image `fixed`, and what each is there for, per problem.

    `sign` is 1 where the optimised metric is to be small and -1 where it is to be large; `level` is the value at which
    the reference metric is to stay.
    """

    metrics: tuple[Callable[..., Tensor], ...]
    fixed: Fixed
    optimized: Role
    reference: Role
    sign: Tensor
    level: Tensor

    @property
    def image(self) -> Tensor:
        """What the stimuli are compared with, (batch, ...)."""
        return self.fixed.batch

    def optimized_value(self, x: Tensor) -> Tensor:
        """Return the optimised metric, (batch,)."""
        return _by_role(self.metrics, self.optimized, x, self.fixed)

    def reference_value(self, x: Tensor) -> Tensor:
        """Return the reference metric, (batch,)."""
        return _by_role(self.metrics, self.reference, x, self.fixed)

    def rows(self, index: Tensor) -> "Contest":
        """Restrict to some of the problems."""
        return replace(
            self,
            fixed=self.fixed.rows(index),
            optimized=_some(self.optimized, index),
            reference=_some(self.reference, index),
            sign=self.sign[index],
            level=self.level[index],
        )


def _some(role: Role, index: Tensor) -> Role:
    return role if isinstance(role, int) else role[index]


def _by_role(metrics: tuple[Callable[..., Tensor], ...], role: Role, x: Tensor, fixed: Fixed) -> Tensor:
    if isinstance(role, int):
        return _compared(metrics[role], x, fixed)
    values = x.new_zeros(x.shape[0])
    for k, metric in enumerate(metrics):
        index = (role == k).nonzero()[:, 0]
        if index.numel() == role.numel():
            return _compared(metric, x, fixed)
        if index.numel():
            values = values.index_copy(0, index, _compared(metric, x[index], fixed.rows(index)))
    return values


def _compared(metric: Callable[..., Tensor], x: Tensor, fixed: Fixed) -> Tensor:
    with fixed.known():
        return each(metric)(x, fixed.batch)


def growth(contest: Contest, x: Tensor) -> Tensor:
    """Return the power with which the reference metric grows along the ray from the image through `x`, (batch,)."""
    with torch.no_grad():
        shrink = 0.9
        nearer = contest.image + shrink * (x - contest.image)
        ratio = contest.reference_value(nearer) / contest.reference_value(x)
        power = ratio.log() / torch.log(torch.tensor(shrink, dtype=x.dtype, device=x.device))
    return torch.where(torch.isfinite(power) & (power > 0.1), power, torch.full_like(power, 2.0))
