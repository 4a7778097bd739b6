"""Several constraints at once, and one constraint for every member of a set of stimuli."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._solve._bounded import BoundedContrast
from metameric._solve._constraint import Box, Constraint, is_curved
from metameric._solve._sphere import ContrastSphere

SWEEPS = 30
TANGENT_SWEEPS = 4
# Relative change of any element below which further sweeps do nothing.
AT_REST = 1e-7


@dataclass(frozen=True)
class Intersection:
    """Stimuli that satisfy several constraints: alternating projections, the last constraint exactly.

    A `ContrastSphere` and a `Box` are one set here, on which projections are exact.

    Parameters
    ----------
    *constraints
        In order; put the one that must hold to the last digit last. `distance_to` of each tells how well it holds.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> both = mm.Intersection(mm.ContrastSphere(0.5, 0.25), mm.Box(0, 1))
    >>> x = both.project(torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
    >>> round(float(x.std(correction=0)), 3), float(x.min()) >= 0
    (0.25, True)
    """

    constraints: tuple[Constraint, ...]

    def __init__(self, *constraints: Constraint, **saved: tuple[Constraint, ...]) -> None:
        # Files make records by the names of their fields.
        object.__setattr__(self, "constraints", saved.get("constraints", constraints))

    def project(self, x: Tensor) -> Tensor:
        """Return stimuli on all sets, or as near as alternating brings them."""
        still, members = torch.zeros_like(x), self._members
        for _ in range(SWEEPS if len(members) > 1 else 1):
            before = x.detach()
            for constraint in members:
                x = constraint.move(x, still)
            if torch.allclose(before, x.detach(), rtol=AT_REST, atol=0):
                break
        return x

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go and return to the sets."""
        return self.project(x + step)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the part of `direction` that all constraints leave open."""
        members = self._members
        for _ in range(TANGENT_SWEEPS if len(members) > 1 else 1):
            for constraint in members:
                direction = constraint.tangent(x, direction)
        return direction

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient's part along the curved sets."""
        for constraint in self._members:
            if is_curved(constraint):
                gradient = constraint.intrinsic(x, gradient)
        return gradient

    @property
    def _members(self) -> tuple[Constraint, ...]:
        spheres = [c for c in self.constraints if isinstance(c, ContrastSphere)]
        boxes = [c for c in self.constraints if isinstance(c, Box)]
        if len(spheres) != 1 or len(boxes) != 1:
            return self.constraints
        both = BoundedContrast(spheres[0], boxes[0])
        return tuple(both if c is boxes[0] else c for c in self.constraints if c is not spheres[0])


@dataclass(frozen=True)
class PerMember:
    """A constraint on each of the stimuli (batch, n, ...) of a set."""

    constraint: Constraint

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go and return to the set."""
        return _each(self.constraint.move, x, step)

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest stimuli on the set."""
        return self.move(x, torch.zeros_like(x))

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the part of `direction` along the set."""
        return _each(self.constraint.tangent, x, direction)

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient's part along the set."""
        return _each(self.constraint.intrinsic, x, gradient) if is_curved(self.constraint) else gradient


def _each(function: Callable[[Tensor, Tensor], Tensor], x: Tensor, other: Tensor) -> Tensor:
    return function(x.flatten(0, 1), other.flatten(0, 1)).reshape(x.shape)
