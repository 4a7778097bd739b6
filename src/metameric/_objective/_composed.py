"""What lies between the numbers that a solver moves and the objective: each slot is a function, and they compose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from metameric._core.random import generator
from metameric._objective._terms import Control, Controlled, Objective, Terms

Change = Callable[[Tensor], Tensor]


@runtime_checkable
class Parametrization(Protocol):
    """A way to write stimuli as other numbers."""

    def __call__(self, z: Tensor) -> Tensor:
        """Return the stimuli (batch, ...) of parameters `z` (batch, ...)."""
        ...

    def encode(self, x: Tensor) -> Tensor:
        """Return parameters of stimuli, as nearly as there are any."""
        ...


@runtime_checkable
class Transform(Protocol):
    """A random change of stimuli (batch, channel, height, width), drawn for each from a generator of its own."""

    def __call__(self, x: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """Return the changed stimuli."""
        ...


@dataclass(frozen=True)
class Composed:
    """``objective(transform(project(parametrization(z))))``; any of the three may be missing.

    `seeds` and `draw`, both (batch,), determine the transforms of each problem. `precondition` is applied to the
    gradient on its way back.
    """

    objective: Objective
    parametrization: Change | None
    project: Change | None
    transforms: tuple[Transform, ...]
    precondition: Change | None
    seeds: Tensor
    draw: Tensor

    def decode(self, z: Tensor) -> Tensor:
        """Return the stimuli of parameters."""
        x = z if self.parametrization is None else self.parametrization(z)
        return x if self.project is None else self.project(x)

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate parameters `x` (batch, ...)."""
        x = self.decode(x if self.precondition is None else _Shaped.apply(x, self.precondition))
        if self.transforms:
            names = zip(self.seeds.tolist(), self.draw.tolist(), strict=True)
            random = [generator(1_000_003 * seed + draw) for seed, draw in names]
            for transform in self.transforms:
                x = transform(x, random)
        return self.objective(x)

    def rows(self, index: Tensor) -> "Composed":
        """Restrict to some of the problems."""
        return replace(self, objective=self.objective.rows(index), seeds=self.seeds[index], draw=self.draw[index])

    def at(self, control: Control) -> "Composed":
        """Return the objective under these control values."""
        inner = self.objective.at(control) if isinstance(self.objective, Controlled) else self.objective
        return replace(self, objective=inner, draw=control.get("draw", self.draw))


class _Shaped(torch.autograd.Function):
    """The identity, with a gradient of one's own."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, precondition: Change) -> Tensor:
        ctx.precondition = precondition
        return z.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.precondition(gradient), None
