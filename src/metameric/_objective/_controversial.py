"""Stimuli about which models disagree: readouts of classifiers, and distances."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from metameric._core.tensors import rows
from metameric._core.types import Number
from metameric._objective._jacobian import flatten_response

Logits = Float[Tensor, "batch models classes"]
Targets = Int[Tensor, "batch models"]


def smooth_min(values: Float[Tensor, "batch n"], alpha: Number) -> Float[Tensor, " batch"]:
    """``-log(sum(exp(-alpha v))) / alpha``: below the smallest value by at most ``log(n) / alpha``."""
    return -torch.logsumexp(-alpha * values, 1) / alpha


def evidence(logits: Logits, targets: Targets, readout: str) -> Float[Tensor, "batch n"]:
    """What must all be large: each model's evidence for its own target, and against those of the others.

    With the readout ``"sigmoid"`` (Golan, Raju & Kriegeskorte 2020, eq. 4) logits for and minus logits against; with
    ``"softmax"`` the log-probabilities of the own targets, which say both.
    """
    if readout == "softmax":
        return F.log_softmax(logits, 2).gather(2, targets[:, :, None])[:, :, 0]
    own, every = _own_and_every(logits, targets)
    # Models that share a target have nothing to say against it.
    against = torch.where(targets[:, None] == targets[:, :, None], torch.inf, -every)
    return torch.cat([own, against.flatten(1)], 1)


def controversiality(logits: Logits, targets: Targets, readout: str) -> Float[Tensor, " batch"]:
    """Return the score of Golan et al.: ``min over models of p(own target), 1 - p(targets of others)``, in [0, 1]."""
    probabilities = F.softmax(logits, 2) if readout == "softmax" else torch.sigmoid(logits)
    own, every = _own_and_every(probabilities, targets)
    against = torch.where(targets[:, None] == targets[:, :, None], torch.inf, 1 - every)
    return torch.cat([own, against.flatten(1)], 1).amin(1)


def _own_and_every(values: Logits, targets: Targets) -> tuple[Tensor, Tensor]:
    """Values of each model for its own target, (batch, models), and for those of all, (batch, models, models)."""
    every = values.gather(2, targets[:, None].expand(-1, targets.shape[1], -1))
    return torch.diagonal(every, dim1=1, dim2=2), every


class Disagreement(nn.Module):
    """Smooth minimum of the evidence of several classifiers for different classes; one value per stimulus."""

    def __init__(self, models: list[Callable[[Tensor], Tensor]], readout: str, alpha: Number) -> None:
        super().__init__()
        self.models, self.readout, self.alpha = models, readout, alpha
        self.__name__ = f"{readout} disagreement"

    def logits(self, x: Tensor) -> Logits:
        """Return the logits of all models."""
        return torch.stack([model(x) for model in self.models], 1)

    def forward(self, x: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Any]]:
        """Return the objective, and the score as a part worth logging."""
        logits = self.logits(x)
        score = controversiality(logits.detach(), targets, self.readout)
        return smooth_min(evidence(logits, targets, self.readout), self.alpha), {"score": score}


class DistanceRatio(nn.Module):
    """``log d_s(x, image) - mean of log d_m(x, image)`` over the other models m, d the distance of representations.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> image = torch.zeros(1, 2)
    >>> ratio = mm.DistanceRatio([lambda x: x, lambda x: 3 * x], seen_by=1)
    >>> ratio(torch.ones(1, 2), image)
    tensor([1.0986])
    """

    def __init__(self, models: list[Callable[[Tensor], Tensor]], seen_by: int) -> None:
        super().__init__()
        self.models, self.seen_by = models, seen_by

    def forward(self, x: Tensor, image: Tensor) -> Float[Tensor, " batch"]:
        """Return one value per stimulus."""
        logs = torch.stack([self._log_distance(model, x, image) for model in self.models])
        others = (logs.sum(0) - logs[self.seen_by]) / max(1, len(self.models) - 1)
        return logs[self.seen_by] - others

    def _log_distance(self, model: Callable[[Tensor], Tensor], x: Tensor, image: Tensor) -> Tensor:
        squares = rows(flatten_response(model(x)) - flatten_response(model(image))).square().sum(1)
        return (squares + torch.finfo(squares.dtype).tiny).log() / 2
