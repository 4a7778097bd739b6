"""What a plenoptic synthesis did -> the record of a run."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metameric._core.tensors import norm
from metameric._objective._fisher import FisherInformation
from metameric._solve._eigen import Eigenpairs
from metameric._solve._loop import Run
from metameric._solve._point import Evaluate
from metameric._solve._status import Status
from metameric._solve._trace import Trace
from metameric._synthesis._eigen_methods import Extremes
from metameric._synthesis._eigen_options import Options
from metameric.io._plenoptic_optim import saved_memory, saved_solver

STIMULUS = {"Metamer": "_metamer", "MetamerCTF": "_metamer", "MADCompetition": "_mad_image"}
"""Where plenoptic's classes that run in iterations keep their stimulus."""
_UNKNOWN = float("nan")


@dataclass(frozen=True)
class History:
    """A dictionary of plenoptic's, and the name under which it has the stimulus."""

    content: Mapping[str, Any]
    stimulus: str

    @property
    def x(self) -> Tensor:
        """The stimuli, (batch, ...)."""
        return self.content[self.stimulus].detach()

    def attributes(self) -> dict[str, Any]:
        """Return what metameric's class stores besides run and settings."""
        content, x = self.content, self.x
        found = {"_start": self._first(), "_solver": saved_solver(content)}
        if self.stimulus == "_metamer":
            return {**found, "_target_representation": content["_target_representation"]}
        first = [*content["_optimized_metric_loss"], content.get("_current_opt_metric")][0]
        return {
            **found,
            "_reference_start": x.new_full((len(x),), content["_reference_metric_target"]),
            "_optimized_start": x.new_full((len(x),), _number(first)),
        }

    def snapshots(self) -> dict[str, Any] | None:
        """Return the stored stimuli, as in `io._run`."""
        every, stored = int(self.content["_store_progress"] or 0), self._stored()
        if not every:
            return None
        n = len(self.content["_losses"])
        if n == every * len(stored):
            stored = [*stored, self.x]  # due now; plenoptic stores before a step, metameric after it
        images = torch.stack(stored) if stored else torch.empty(0)
        return {"every": every, "iterations": [every * i for i in range(len(stored))], "images": images}

    def finish(self, synthesis: Any, attributes: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
        """Return the run of an object that will have these attributes."""
        return {"_run": self._run(synthesis, attributes, device)}

    def _run(self, synthesis: Any, attributes: Mapping[str, Any], device: torch.device) -> Run:
        """Evaluate the objective where plenoptic ended, and put its history before that."""
        shadow = copy.copy(synthesis)
        vars(shadow).update(attributes)
        control = {name: values.to(device) for name, values in self._control().items()}
        objective = shadow._objective()
        evaluate = Evaluate(objective.at(control) if control else objective, len(self.x), device)
        point = evaluate(self.x.to(device))
        last = {**point.parts, "total": point.total, "gradient_norm": norm(point.gradient)}
        n = len(self.content["_losses"])
        series = self._series()
        trace = Trace({}, [0.0] * (n + 1))
        for name in ("stage", *point.parts, "total", "gradient_norm", "step", "overall"):
            if name in series or name in last:
                trace.columns[name] = self._column(series.get(name, [_UNKNOWN] * (n + 1)), last.get(name), device)
        if control:
            trace.columns = {n: [v.long() for v in c] if n == "stage" else c for n, c in trace.columns.items()}
            trace.columns["changes"] = list(trace.columns["stage"])
        trace.columns["evaluations"] = [torch.full_like(evaluate.counts, i + 1) for i in range(n + 1)]
        return Run(
            point,
            trace,
            codes=torch.full_like(evaluate.counts, Status.STEP_LIMIT.code),
            iteration=n,
            active=torch.arange(len(self.x), device=device),
            memory=saved_memory(self.content, self.x),
            control=control,
            counts=evaluate.counts + n,
        )

    def _stored(self) -> list[Tensor]:
        return [image.detach() for image in self.content.get(f"_saved{self.stimulus}") or []]

    def _first(self) -> Tensor:
        """Return the initial image; where plenoptic has not kept it, the present stimulus stands in."""
        if "_initial_image" in self.content:
            return self.content["_initial_image"].detach()
        return (self._stored() or [self.x])[0]

    def _column(self, values: list[float], last: Tensor | None, device: torch.device) -> list[Tensor]:
        column = torch.tensor(values, dtype=self.x.dtype, device=device)[:, None].expand(-1, len(self.x)).clone()
        if last is not None:
            column[-1] = torch.where(torch.isfinite(column[-1]), column[-1], last)
        return list(column.unbind(0))

    def _series(self) -> dict[str, list[float]]:
        """Values at x_0 ... x_n. plenoptic has one number for a batch, of which each problem gets its share."""
        content, batch = self.content, len(self.x)
        losses = [*content["_losses"], _number(content.get("_current_loss"))]
        penalties = content.get("_penalties") or [_UNKNOWN] * (len(losses) - 1)
        penalty = [_number(value) / batch for value in (*penalties, content.get("_current_penalty"))]
        found = {
            "penalty": penalty,
            "gradient_norm": [v / batch**0.5 for v in (*content["_gradient_norm"], _UNKNOWN)],
            "step": [0.0, *(v / batch**0.5 for v in content["_pixel_change_norm"])],
        }
        if "_optimized_metric_loss" in content:
            for role in ("optimized", "reference"):
                now = _number(content.get(f"_current_{role[:3]}_metric"))
                found[f"{role}_metric"] = [*content[f"_{role}_metric_loss"], now]
            return {**found, "total": losses}
        total = [*content["_scales_loss"], _UNKNOWN] if "_scales_loss" in content else losses
        weight = content["_penalty_lambda"] * batch
        found |= {"total": total, "loss": [t - weight * p for t, p in zip(total, penalty, strict=True)]}
        return {**found, **self._stages()} if "_scales_loss" in content else found

    def _stages(self) -> dict[str, list[float]]:
        """Return the stage at every point, and the objective over all scales."""
        content = self.content
        losses = [*content["_losses"], _number(content.get("_current_loss"))]
        begun = sorted(iterations[0] for iterations in content["_scales_timing"].values() if iterations)
        stage = [sum(first <= i for first in begun) - 1.0 for i in range(len(losses) - 1)]
        return {"stage": [*stage, float(len(content["_scales_finished"]))], "overall": losses}

    def _control(self) -> dict[str, Tensor]:
        if "_scales_finished" not in self.content:
            return {}
        return {"stage": torch.full((len(self.x),), len(self.content["_scales_finished"]))}


def eigenpairs(
    content: Mapping[str, Any], synthesis: Any, attributes: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    """Return the attributes of an `Eigendistortion`; plenoptic keeps no residuals, so they are computed."""
    if content.get("_eigendistortions") is None:
        return {}
    image, values = synthesis.image, content["_eigenvalues"].to(device)
    vectors = content["_eigendistortions"].flatten(1).to(device)
    fisher = FisherInformation(synthesis.model, image)
    products = fisher.matvec(vectors.reshape(-1, *image.shape))[:, 0].flatten(1)
    residuals = norm(products - values[:, None] * vectors)
    largest = float(values.max())
    found = [Status.CONVERGED if r <= 1e-6 * largest else Status.STEP_LIMIT for r in residuals.tolist()]
    pairs = Eigenpairs(values, vectors, residuals, found, 0)
    jacobian = content.get("_jacobian")
    jacobian = None if jacobian is None else jacobian.to(device)
    return {
        "_found": [Extremes(pairs, content["_eigenindex"].to(device), largest, jacobian)],
        "_jacobian": jacobian,
        "_options": Options("power", len(values) // 2 or 1, 1000, 5, 2, None, 0),
        "_seconds": 0.0,
    }


def _number(value: float | None) -> float:
    return _UNKNOWN if value is None else float(value)
