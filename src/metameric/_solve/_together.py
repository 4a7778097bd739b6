"""Several constraints at once, and one constraint for every member of a set of stimuli."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._solve._constraint import Constraint, Curved

SWEEPS = 30
TANGENT_SWEEPS = 4


@dataclass(frozen=True)
class Intersection:
    """Stimuli that satisfy several constraints: alternating projections, the last constraint exactly.

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
        still = torch.zeros_like(x)
        for _ in range(SWEEPS if len(self.constraints) > 1 else 1):
            for constraint in self.constraints:
                x = constraint.move(x, still)
        return x

    def move(self, x: Tensor, step: Tensor) -> Tensor:
        """Go and return to the sets."""
        return self.project(x + step)

    def tangent(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the part of `direction` that all constraints leave open."""
        for _ in range(TANGENT_SWEEPS if len(self.constraints) > 1 else 1):
            for constraint in self.constraints:
                direction = constraint.tangent(x, direction)
        return direction

    def intrinsic(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient's part along the curved sets."""
        for constraint in self.constraints:
            if isinstance(constraint, Curved):
                gradient = constraint.intrinsic(x, gradient)
        return gradient


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
        return _each(self.constraint.intrinsic, x, gradient) if isinstance(self.constraint, Curved) else gradient


def _each(function: Callable[[Tensor, Tensor], Tensor], x: Tensor, other: Tensor) -> Tensor:
    return function(x.flatten(0, 1), other.flatten(0, 1)).reshape(x.shape)
