"""A point of a run: a stimulus with its value, named parts and gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.tensors import entries
from metameric._objective._terms import Objective, does_land, does_place


@dataclass(frozen=True)
class Point:
    """Stimuli (batch, ...) with what the objective says about each: all fields have one entry per problem."""

    x: Tensor
    total: Tensor
    parts: Mapping[str, Tensor]
    gradient: Tensor

    def take(self, index: Tensor) -> "Point":
        """Return some of the problems; `index` is sorted and distinct."""
        parts = {name: entries(value, index) for name, value in self.parts.items()}
        x, total, gradient = (entries(value, index) for value in (self.x, self.total, self.gradient))
        return Point(x, total, parts, gradient)

    def put(self, index: Tensor, other: "Point") -> "Point":
        """Return a copy in which the problems `index` are those of `other`."""
        if index.numel() == self.total.numel():
            return other  # indices are sorted and distinct, so all are replaced in order
        parts = {name: value.index_copy(0, index, other.parts[name]) for name, value in self.parts.items()}
        return Point(
            self.x.index_copy(0, index, other.x),
            self.total.index_copy(0, index, other.total),
            parts,
            self.gradient.index_copy(0, index, other.gradient),
        )

    @property
    def finite(self) -> Tensor:
        """Whether value and gradient are finite, (batch,)."""
        gradient = self.gradient.reshape(self.gradient.shape[0], -1)
        return torch.isfinite(self.total) & torch.isfinite(gradient).all(1)


def joined(points: Sequence[Point]) -> Point:
    """Put the problems of several points together."""
    parts = {name: torch.cat([p.parts[name] for p in points]) for name in points[0].parts}
    return Point(
        torch.cat([p.x for p in points]),
        torch.cat([p.total for p in points]),
        parts,
        torch.cat([p.gradient for p in points]),
    )


class Evaluate:
    """Evaluate an objective with its gradient, at most `batch_size` problems at a time, counting per problem."""

    def __init__(
        self, objective: Objective, n_problems: int, device: torch.device, batch_size: int | None = None
    ) -> None:
        self.objective = objective
        self.batch_size = batch_size
        self.counts = torch.zeros(n_problems, dtype=torch.long, device=device)

    def __call__(self, x: Tensor, index: Tensor | None = None) -> Point:
        """Evaluate stimuli `x`; with `index`, they are those of these problems alone.

        An objective that knows where its stimuli must lie has them placed there first: the point tells where.
        """
        if index is None or index.numel() == self.counts.numel():
            index = torch.arange(self.counts.numel(), device=self.counts.device)
        self.counts[index] += 1
        size = self.batch_size or index.numel()
        pieces = [self._piece(a, b) for a, b in zip(x.split(size), index.split(size), strict=True)]
        return pieces[0] if len(pieces) == 1 else joined(pieces)

    def _piece(self, x: Tensor, index: Tensor) -> Point:
        objective = self.objective if index.numel() == self.counts.numel() else self.objective.rows(index)
        if not does_land(objective) and does_place(objective):
            x = objective.place(x)
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            x, terms = objective.land(x) if does_land(objective) else (x, objective(x))
            (gradient,) = torch.autograd.grad(terms.total.sum(), x)
        parts = {name: value.detach() for name, value in terms.parts.items()}
        return Point(x.detach(), terms.total.detach(), parts, gradient)
