"""What a synthesis of eigendistortions leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metameric._solve._status import Status


@dataclass(frozen=True, repr=False)
class EigendistortionResult:
    """Eigendistortions with the evidence for each of them.

    Attributes
    ----------
    stimulus
        The distortions, (batch, n, ...), in decreasing order of eigenvalue.
    eigenvalues
        Rayleigh quotients ``v' F v``, (batch, n).
    residuals
        ``|F v - lambda v| / lambda_max``, (batch, n): an eigenvalue lies within so much of each Rayleigh quotient.
    index
        Rank of each among all eigenvalues, (n,).
    status
        How each was found, per stimulus and distortion.
    largest
        The largest eigenvalue of each stimulus, (batch,).
    products
        Products with the Fisher information that it took, per stimulus.
    """

    stimulus: Float[Tensor, "batch n *shape"]
    eigenvalues: Float[Tensor, "batch n"]
    residuals: Float[Tensor, "batch n"]
    index: Int[Tensor, " n"]
    status: list[list[Status]]
    largest: Float[Tensor, " batch"]
    products: list[int]
    seconds: float
    config: Mapping[str, Any] = field(default_factory=dict)
    method: str = "Eigendistortion"

    @property
    def converged(self) -> bool:
        """Whether every distortion was found, by its residual."""
        return all(s.succeeded for one in self.status for s in one)

    @property
    def thresholds(self) -> Float[Tensor, "batch n"]:
        """Predicted detection thresholds ``1 / sqrt(lambda)``: the length at which d' is 1.

        Eigenvalues below the rounding error of the largest are counted as that error.
        """
        rounding = torch.finfo(self.eigenvalues.dtype).eps * self.largest[:, None]
        return self.eigenvalues.maximum(rounding).rsqrt()

    def summary(self) -> str:
        """Return a table that says how far each distortion can be trusted."""
        batch, n = self.eigenvalues.shape
        lines = [f"{self.method}: {n} distortions of {batch} x {tuple(self.stimulus.shape[2:])}, {self.stimulus.dtype}"]
        for i in range(batch):
            if batch > 1:
                lines.append(f"  [{i}]")
            lines.append(f"  {'rank':>8}{'eigenvalue':>14}{'residual':>12}{'threshold':>12}  status")
            shown = range(n) if n <= 20 else [*range(5), *range(n - 5, n)]
            lines += [self._row(i, j) for j in shown]
            sentences = dict.fromkeys(s.sentence for s in self.status[i] if not s.succeeded)
            lines += [f"  {sentence}" for sentence in sentences]
            below = (self.eigenvalues[i] <= self.residuals[i] * self.largest[i]).tolist()
            unseen = sum(low and status.succeeded for low, status in zip(below, self.status[i], strict=True))
            if unseen:
                lines.append(
                    f"  {unseen} cannot be told from 0: changes that the model does not see, as is any mixture of them"
                )
        lines.append("  residual: |Fv - lambda v| / lambda_max; no eigenvalue is below 0")
        lines.append(f"  {sum(self.products)} products with the Fisher information, {self.seconds:.2f} s")
        return "\n".join(lines)

    def _row(self, i: int, j: int) -> str:
        return (
            f"  {int(self.index[j]):>8}{float(self.eigenvalues[i, j]):>14.5g}{float(self.residuals[i, j]):>12.2g}"
            f"{float(self.thresholds[i, j]):>12.4g}  {self.status[i][j]}"
        )

    def __repr__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects, for JSON."""
        return {
            "method": self.method,
            "shape": list(self.stimulus.shape),
            "dtype": str(self.stimulus.dtype).removeprefix("torch."),
            "status": [[str(s) for s in one] for one in self.status],
            "converged": self.converged,
            "eigenvalues": self.eigenvalues.tolist(),
            "eigenindex": self.index.tolist(),
            "residuals": self.residuals.tolist(),
            "thresholds": self.thresholds.tolist(),
            "products": list(self.products),
            "seconds": self.seconds,
            "config": dict(self.config),
        }


@dataclass(frozen=True, repr=False)
class ThresholdTable:
    """Thresholds that several models predict for the same distortions (the experiment of Berardino et al. 2017)."""

    models: Sequence[str]
    index: Int[Tensor, " n"]
    values: Float[Tensor, "models batch n"]

    def __repr__(self) -> str:
        width = max(12, *(len(name) + 2 for name in self.models))
        lines = [f"{'rank':>8}" + "".join(f"{name:>{width}}" for name in self.models)]
        for i in range(self.values.shape[1]):
            for j, rank in enumerate(self.index.tolist()):
                lines.append(f"{rank:>8}" + "".join(f"{float(v):>{width}.4g}" for v in self.values[:, i, j]))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects, for JSON."""
        return {"models": list(self.models), "eigenindex": self.index.tolist(), "thresholds": self.values.tolist()}
