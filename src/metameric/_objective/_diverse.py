"""Sets of stimuli that are all good and far from one another."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.tensors import rows
from metameric._objective._jacobian import flatten_response
from metameric._objective._terms import Control, Terms

CONTROLS = ("multiplier", "weight", "slack", "repair")
"""What a schedule moves."""

Sets = Float[Tensor, "batch members *shape"]


def pairwise_distances(points: Float[Tensor, "batch members n"]) -> Float[Tensor, "batch members members"]:
    """Euclidean distances, with a gradient of zero (not NaN) between equal points."""
    squares = (points[:, :, None] - points[:, None]).square().sum(3)
    apart = squares > 0
    return torch.where(apart, torch.where(apart, squares, 1).sqrt(), 0)


def spread_of(distances: Float[Tensor, "batch members members"], measure: str) -> Float[Tensor, " batch"]:
    """Mean of the distances between different members, or a smooth lower bound of the smallest.

    Of distances, not of their squares: with squares every set on a circle about its mean would be as good as another.
    """
    k = distances.shape[1]
    one, other = torch.triu_indices(k, k, 1, device=distances.device)
    pairs = distances[:, one, other]
    if measure == "mean":
        return pairs.mean(1)
    sharpness = 20 / pairs.mean(1, keepdim=True).detach().clamp(min=torch.finfo(pairs.dtype).tiny)
    return -torch.logsumexp(-sharpness * pairs, 1) / sharpness[:, 0]


@dataclass(frozen=True)
class Diverse:
    """Augmented Lagrangian of "maximise the spread of a set, each member being good enough".

    ``-D(X) / unit + sum_i [max(0, m_i + w g_i)**2 - m_i**2] / (2 w)`` with multipliers m, (batch, members), weight w,
    and ``g_i = excess(x_i) <= 0`` where member i is good enough, in units of what it may be short of.
    Where `repair` is 1, ``sum_i g_i`` alone.
    """

    excess: Callable[..., Tensor]
    data: dict[str, Tensor]
    embed: Callable[[Tensor], Tensor] | None
    measure: str
    unit: Float[Tensor, " batch"]
    multiplier: Float[Tensor, "batch members"]
    weight: Float[Tensor, " batch"]
    slack: Float[Tensor, " batch"]
    repair: Float[Tensor, " batch"]

    def __call__(self, x: Sets) -> Terms:
        """Evaluate sets of stimuli (batch, members, ...)."""
        flat, k = x.flatten(0, 1), x.shape[1]
        data = {name: value.repeat_interleave(k, 0) for name, value in {**self.data, "slack": self.slack}.items()}
        excess = self.excess(flat, **data).reshape(-1, k)
        points = rows(flat) if self.embed is None else flatten_response(self.embed(flat))
        distances = pairwise_distances(points.reshape(len(x), k, -1))
        spread = spread_of(distances, self.measure)
        weight = self.weight[:, None]
        held = (self.multiplier + weight * excess).clamp(min=0)
        cost = ((held * held - self.multiplier**2) / (2 * weight)).sum(1)
        parts = {"spread": spread, "worst": excess.amax(1), "excess": excess, "distance": distances.amax((1, 2))}
        total = torch.where(self.repair > 0, (excess + 0.5).sum(1), cost - spread / self.unit)
        return Terms(total, {name: value.detach() for name, value in parts.items()})

    def rows(self, index: Tensor) -> "Diverse":
        """Restrict to some of the problems."""
        per_problem: dict[str, Any] = {name: getattr(self, name)[index] for name in ("unit", *CONTROLS)}
        return replace(self, data={name: v[index] for name, v in self.data.items()}, **per_problem)

    def at(self, control: Control) -> "Diverse":
        """Return the objective with these multipliers."""
        moved: dict[str, Any] = {name: control[name].to(self.unit) for name in CONTROLS}
        return replace(self, **moved)


@dataclass(frozen=True)
class Weaker:
    """How much a response falls short of `least`, in units of `unit`, both one value per stimulus."""

    response: Callable[..., Tensor]

    def __call__(self, x: Tensor, least: Tensor, unit: Tensor, slack: Tensor) -> Tensor:
        """Return the shortfall of each stimulus; `slack` is for requirements narrower than this one."""
        return (least - self.response(x).reshape(-1)) / unit


@dataclass(frozen=True)
class Farther:
    """By what factor the relative error of a stimulus's representation is above `slack * tolerance`, less one."""

    model: Callable[..., Tensor]

    def __call__(self, x: Tensor, target: Tensor, tolerance: Tensor, slack: Tensor) -> Tensor:
        """Return the excess of each stimulus: of the squared error, which is smooth where the error is zero."""
        off = rows(flatten_response(self.model(x)) - target).square().sum(1) / target.square().sum(1)
        return (off / (slack * tolerance) ** 2 - 1) / 2
