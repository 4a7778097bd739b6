"""An objective that is a different one at each stage, per problem."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metameric._objective._terms import Control, Objective, Terms


@dataclass(frozen=True)
class Staged:
    """Problem i is at stage ``stage[i]``; every stage present is evaluated once, on its own problems.

    All stages must name the same parts.
    """

    stages: tuple[Objective, ...]
    stage: Tensor

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...)."""
        present = torch.unique(self.stage).tolist()
        if len(present) == 1:
            return self.stages[present[0]](x)
        groups = [(self.stage == s).nonzero()[:, 0] for s in present]
        terms = [self.stages[s].rows(index)(x[index]) for s, index in zip(present, groups, strict=True)]
        order = torch.argsort(torch.cat(groups))
        parts = {name: torch.cat([t.parts[name] for t in terms])[order] for name in terms[0].parts}
        return Terms(torch.cat([t.total for t in terms])[order], parts)

    def rows(self, index: Tensor) -> "Staged":
        """Restrict to some of the problems."""
        return Staged(tuple(s.rows(index) for s in self.stages), self.stage[index])

    def at(self, control: Control) -> "Staged":
        """Return the objective at these stages."""
        return replace(self, stage=control["stage"])
