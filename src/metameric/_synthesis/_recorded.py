"""Reading the record of a run, in the vocabulary of plenoptic's users."""

import warnings
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError, StateError
from metameric._solve._loop import Run
from metameric._solve._observe import Snapshots
from metameric._solve._solver import Solver
from metameric._synthesis._result import SynthesisResult


class Recorded:
    """Base of the syntheses that run through the loop: what their run has recorded."""

    stimulus_name = "stimulus"
    """Name of the attribute under which users find the stimulus; snapshots are ``saved_<name>``."""

    _run: Run | None
    _start: Tensor | None
    _seeds: list[int] | None
    _snapshots: Snapshots | None
    _solver: Solver

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the numbers by which this method is judged, and what each of them means."""
        raise NotImplementedError

    def _labels(self) -> list[str]:
        """Return what each problem is, where a number does not say it."""
        return []

    def _config(self) -> dict[str, Any]:
        """Return everything that determines the run, as plain values."""
        raise NotImplementedError

    @property
    def run(self) -> Run | None:
        """The record of the run, or None before `synthesize`."""
        return self._run

    @property
    def seeds(self) -> list[int] | None:
        """Seed of every batch entry, or None if the start was given."""
        return self._seeds

    @property
    def result(self) -> SynthesisResult:
        """The outcome so far: stimulus, status, figures and `summary()`."""
        if self._run is None:
            raise StateError(f"this {type(self).__name__} has no result yet; call synthesize() first.")
        figures, meaning = self._figures()
        return SynthesisResult(
            method=type(self).__name__,
            stimulus=self._stimulus.clone(),
            status=self._run.status,
            figures=figures,
            meaning=meaning,
            trace=self._run.trace.copy(),
            iterations=self._run.iteration,
            config=self._config(),
            labels=self._labels(),
        )

    def summary(self) -> str:
        """Return a few lines that say how good the answer is."""
        return self.result.summary()

    @property
    def _stimulus(self) -> Tensor:
        if self._run is not None:
            return self._decode(self._run.x)
        return torch.empty(0) if self._start is None else self._decode(self._start)

    def _decode(self, x: Tensor) -> Tensor:
        """Return the stimuli that belong to what the solver moves; the same, unless a subclass parametrises."""
        return x

    @property
    def losses(self) -> Tensor:
        """Objective at every iteration, (iterations + 1,), averaged over the batch; per problem in ``result.trace``."""
        return self._column("total").mean(1)

    @property
    def gradient_norm(self) -> Tensor:
        """Norm of the gradient at the start of each iteration, (iterations,), over the whole batch."""
        return torch.linalg.vector_norm(self._column("gradient_norm")[:-1], dim=1)

    @property
    def pixel_change_norm(self) -> Tensor:
        """Norm of the change that each iteration made, (iterations,), over the whole batch."""
        return torch.linalg.vector_norm(self._column("step")[1:], dim=1)

    @property
    def optimizer(self) -> Any:
        """The `torch.optim` optimiser (a list of them for a batch), or the solver."""
        return self._engines("optimizer", self._solver)

    @property
    def scheduler(self) -> Any:
        """The learning-rate scheduler (a list of them for a batch), or None."""
        return self._engines("scheduler", None)

    @property
    def store_progress(self) -> int | None:
        """Every how many iterations the stimulus is stored, or None."""
        return None if self._snapshots is None else self._snapshots.every

    @property
    def _saved(self) -> Tensor:
        """Stored stimuli, (stored, batch, ...), on the CPU, with the present one last; empty before `setup`."""
        if self._run is None:
            return self._stimulus.unsqueeze(0).cpu() if self._start is not None else torch.empty(0)
        images = [] if self._snapshots is None else list(self._snapshots.images)
        if self._snapshots is None or self._snapshots.iterations[-1:] != [self._run.iteration]:
            images.append(self._run.x.cpu())
        return torch.stack([self._decode(image.to(self._run.x)).cpu() for image in images])

    def _stored_iterations(self) -> list[int]:
        if self._snapshots is None or self._run is None:
            return []
        return sorted({*self._snapshots.iterations, self._run.iteration})

    def get_progress(self, iteration: int, iteration_selection: str = "round") -> dict[str, Any]:
        """Return everything recorded about one iteration.

        Parameters
        ----------
        iteration
            Which one; negative numbers count from the end.
        iteration_selection
            Which stored stimulus to give when that iteration's was not stored: ``"floor"``, ``"ceiling"`` or
            ``"round"`` (a warning says so).

        Raises
        ------
        IndexError
            If there is no such iteration.
        """
        if iteration_selection not in ("floor", "ceiling", "round"):
            raise InputError(f"iteration_selection is {iteration_selection!r}; expected 'floor', 'ceiling' or 'round'.")
        n_points = 0 if self._run is None else len(self._run.trace)
        if not -n_points <= iteration < n_points:
            raise IndexError(f"iteration {iteration} is not among the {n_points} that were recorded (from 0).")
        iteration %= n_points
        series = self._series()
        found = {name: values[iteration] if iteration < len(values) else None for name, values in series.items()}
        progress: dict[str, Any] = {"losses": found.pop("losses"), "iteration": iteration, **found}
        stored = self._stored_iterations()
        if stored:
            position = _nearest(stored, iteration, iteration_selection)
            if stored[position] != iteration:
                warnings.warn(
                    f"iteration {iteration} was not stored; giving the stimulus of iteration {stored[position]}.",
                    stacklevel=2,
                )
            progress[f"saved_{self.stimulus_name}"] = self._saved[position]
            progress["store_progress_iteration"] = stored[position]
        return progress

    def _series(self) -> dict[str, Tensor]:
        return {
            "losses": self.losses,
            "gradient_norm": self.gradient_norm,
            "pixel_change_norm": self.pixel_change_norm,
        }

    def _column(self, name: str) -> Tensor:
        if self._run is None:
            return torch.empty(0, 1)
        return self._run.trace[name]

    def _engines(self, name: str, otherwise: Any) -> Any:
        engines = [] if self._run is None else self._run.memory.get("engines", [])
        if not engines:
            return otherwise
        found = [getattr(engine, name) for engine in engines]
        return found[0] if len(found) == 1 else found


def _nearest(stored: list[int], iteration: int, how: str) -> int:
    at_or_before = max((i for i, s in enumerate(stored) if s <= iteration), default=0)
    at_or_after = min((i for i, s in enumerate(stored) if s >= iteration), default=len(stored) - 1)
    if how == "floor":
        return at_or_before
    if how == "ceiling":
        return at_or_after
    # Of two as near, the even one, as numbers are rounded.
    return min((at_or_before, at_or_after), key=lambda i: (abs(stored[i] - iteration), i % 2))
