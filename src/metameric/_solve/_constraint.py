"""Sets on which a stimulus must stay, as seen by the solvers: how to move, and which directions are open."""

from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

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


def is_curved(constraint: Constraint) -> TypeGuard[Curved]:
    """Tell whether tangent directions differ from point to point; quicker than `isinstance` with a protocol."""
    return hasattr(constraint, "intrinsic")


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
        return direction.clamp(*self.limits(x))

    def limits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return between what every element of a direction from `x` must lie."""
        stop, infinite = x.new_zeros(()), x.new_full((), torch.inf)
        return torch.where(x <= self.low, stop, -infinite), torch.where(x >= self.high, stop, infinite)


class RememberingBox:
    """A box that knows the limits at the last stimuli it was asked about: a solver asks half a dozen times at each."""

    def __init__(self, box: Box) -> None:
        self.move, self._limits = box.move, box.limits
        self._seen: list[tuple[Tensor, int, tuple[Tensor, Tensor]]] = []

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Drop what would leave the box."""
        for seen, version, limits in self._seen:
            if seen is x and version == x._version:
                return direction.clamp(*limits)
        limits = self._limits(x)
        # Those are the point where a step begins and the one that is tried.
        self._seen = [*self._seen[-1:], (x, x._version, limits)]
        return direction.clamp(*limits)


def remembering(constraint: Constraint) -> Constraint:
    """Return a constraint that does the same, for the length of a run in which points are asked about repeatedly."""
    return RememberingBox(constraint) if type(constraint) is Box else constraint


FREE = Free()


def distance_to(constraint: Constraint, x: Tensor) -> Tensor:
    """Return how far stimuli are from the set, root mean square over their elements, (batch,)."""
    return norm(constraint.move(x, torch.zeros_like(x)) - x) / rows(x).shape[1] ** 0.5
