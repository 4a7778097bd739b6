"""Matching: make the representation of the stimulus equal to a target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._core.tensors import norm
from metameric._objective._terms import Terms


@dataclass(frozen=True)
class Match:
    """``loss(model(x), target) + penalty_lambda * penalty(x)``, one value per problem.

    The parts also hold the relative representation error, ``|f(x) - target| / |target|``, whatever the loss is: it is
    the figure by which a metamer is judged.
    """

    model: Callable[..., Tensor]
    target: Tensor
    loss: Callable[..., Tensor]
    penalty: Callable[..., Tensor]
    penalty_lambda: float
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Terms:
        """Evaluate the stimuli `x` (batch, ...)."""
        response = self.model(x, **self.model_options)
        loss = each(self.loss)(response, self.target, **self.model_options)
        penalty = each(self.penalty)(x)
        parts = {"loss": loss, "penalty": penalty, "error": relative_error(response, self.target)}
        return Terms(loss + self.penalty_lambda * penalty, parts)

    def rows(self, index: Tensor) -> "Match":
        """Restrict to some of the problems."""
        return replace(self, target=self.target[index])


@torch.no_grad()
def relative_error(response: Tensor, target: Tensor) -> Tensor:
    """``|response - target| / |target|`` for each batch entry; the plain norm where the target is zero."""
    scale = norm(target)
    return norm(response.detach() - target) / torch.where(scale == 0, torch.ones_like(scale), scale)
