"""Sets on which a stimulus must stay, as seen by the solvers: how to move, and which directions are open."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metameric._core.tensors import norm, rows
from metameric._core.types import Number


@runtime_checkable
class Constraint(Protocol):
    """A set of stimuli. Solvers move with `move` and look for directions in `tangent`."""

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go from `x` by `step`, ending on the set."""
        ...

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the part of `direction` along which one can go from `x` without leaving the set at once."""
        ...


@runtime_checkable
class Curved(Constraint, Protocol):
    """A set whose tangent directions differ from point to point, or a combination of sets.

    On a curved set even a constant gradient changes as one moves: solvers learn curvature from `intrinsic` gradients.
    """

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient at `x` without its part perpendicular to the set."""
        ...


@dataclass(frozen=True)
class Free:
    """No constraint: a stimulus may go anywhere.

    ``setup(constraint=mm.Free())`` leaves it to the penalty to keep a metamer or a MAD stimulus within its range, as
    in plenoptic.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> metamer = mm.Metamer(mm.data.image("camera", size=32), mm.models.Gaussian(7))
    >>> metamer.setup(constraint=mm.Free())
    >>> mm.Free().move(torch.tensor([[0.5]]), torch.tensor([[2.0]]))
    tensor([[2.5000]])
    """

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Return ``x + step``."""
        return x + step

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return `direction` itself."""
        return direction


@dataclass(frozen=True)
class Box:
    """Every value between `low` and `high`.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.Box(0, 1).move(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.1, 2.0]]))
    tensor([[0.6000, 1.0000]])
    """

    low: Number = 0.0
    high: Number = 1.0

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go and clip."""
        return (x + step).clamp(self.low, self.high)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Drop what would leave the box."""
        stop, infinite = direction.new_zeros(()), direction.new_full((), torch.inf)
        lowest = torch.where(x <= self.low, stop, -infinite)
        return direction.clamp(lowest, torch.where(x >= self.high, stop, infinite))


FREE = Free()


def distance_to(constraint: Constraint, x: Tensor) -> Tensor:
    """Return how far stimuli are from the set, root mean square over their elements, (batch,)."""
    return norm(constraint.move(x, torch.zeros_like(x)) - x) / rows(x).shape[1] ** 0.5
