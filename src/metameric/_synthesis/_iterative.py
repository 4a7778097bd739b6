"""What every synthesis that runs through the loop has in common: the run, its record, progress, moves, and repr."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from metameric._core.batched import name_of
from metameric._core.errors import InputError, StateError
from metameric._objective._terms import Objective
from metameric._solve._constraint import FREE, Constraint
from metameric._solve._lbfgs import LBFGS
from metameric._solve._loop import Run, minimise
from metameric._solve._observe import Observer, ProgressBar, Snapshots
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Solver
from metameric._solve._stop import Stop
from metameric._solve._torch_optim import TorchOptim
from metameric._solve._trace import Trace
from metameric._synthesis._archived import Archived
from metameric._synthesis._result import SynthesisResult
from metameric._synthesis._resumed import require_complete
from metameric._version import __version__


class IterativeSynthesis(Archived, ABC):
    """Base of the synthesis classes: a face over objective, solver and run. Subclasses say what is sought."""

    stimulus_name = "stimulus"
    """Name of the attribute under which users find the stimulus; snapshots are ``saved_<name>``."""
    _bar: tuple[str, ...] = ("total",)
    _stored: ClassVar[tuple[str, ...]] = ("_start", "_seeds", "_solver", "_schedule", "_constraint")

    def __init__(self) -> None:
        self._run: Run | None = None
        self._start: Tensor | None = None
        self._seeds: list[int] | None = None
        self._snapshots: Snapshots | None = None
        self._solver: Solver = LBFGS()
        self._schedule: Schedule | None = None
        self._constraint: Constraint = FREE

    # What is sought -------------------------------------------------------------------------------------------------

    @abstractmethod
    def _objective(self) -> Objective:
        """Return the objective for the whole batch."""

    @abstractmethod
    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the numbers by which this method is judged, and what each of them means."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what the user chose, for repr and files."""

    # Running --------------------------------------------------------------------------------------------------------

    def _choose_solver(
        self,
        solver: Solver | None,
        optimizer: Any,
        optimizer_kwargs: Mapping[str, Any] | None,
        scheduler: Any,
        scheduler_kwargs: Mapping[str, Any] | None,
    ) -> Solver:
        """Settle between metameric's solvers and a `torch.optim` optimiser."""
        if optimizer is None:
            if optimizer_kwargs or scheduler is not None or scheduler_kwargs:
                raise InputError(
                    "optimizer_kwargs, scheduler and scheduler_kwargs go with `optimizer`, which is missing; name the "
                    "optimizer, for instance torch.optim.Adam."
                )
            return solver or LBFGS()
        if solver is not None:
            raise InputError("both `solver` and `optimizer` are given; choose one of them.")
        if not callable(optimizer):
            raise InputError(
                f"optimizer is a {type(optimizer).__name__}; expected a class such as torch.optim.Adam, with its "
                "options in optimizer_kwargs (metameric makes one instance per batch entry)."
            )
        if scheduler is None and scheduler_kwargs:
            raise InputError("scheduler_kwargs go with `scheduler`, which is missing; name the scheduler class.")
        return TorchOptim(optimizer, dict(optimizer_kwargs or {}), scheduler, dict(scheduler_kwargs or {}))

    def _minimise(
        self,
        max_iter: int,
        store_progress: bool | int | None,
        stop: Stop,
        progress: bool | None,
        observers: Sequence[Observer],
        batch_size: int | None = None,
    ) -> SynthesisResult:
        """Run the loop, or run it on, and keep what comes of it whatever happens."""
        if not isinstance(max_iter, int) or max_iter < 0:
            raise InputError(f"max_iter is {max_iter!r}; expected a whole number of iterations, 0 or more.")
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; expected at least 1, or None for everything at once.")
        require_complete(self, "synthesize")
        self._set_store_progress(store_progress)
        bar = ProgressBar(type(self).__name__, self._bar, disable=None if progress is None else not progress)
        keep = _Keep(self)
        for observer in observers:
            observer.attach(self)
        watchers: list[Observer] = [keep, bar, *([self._snapshots] if self._snapshots else []), *observers]
        self._run = minimise(
            self._objective(),
            self._start,
            solver=self._solver,
            stop=stop,
            max_iter=max_iter,
            schedule=self._schedule,
            constraint=self._constraint,
            observers=watchers,
            run=self._run,
            batch_size=batch_size,
        )
        return self.result

    def _is_new(self) -> bool:
        return self._start is None and self._run is None

    def _set_store_progress(self, every: bool | int | None) -> None:
        if isinstance(every, bool) or every is None:
            every = 1 if every else 0
        if every < 0:
            raise InputError(f"store_progress is {every}; expected True, False or every how many iterations to store.")
        if self._snapshots is not None and every != self._snapshots.every:
            raise InputError(
                f"store_progress is {every} but was {self._snapshots.every} in the first call; the stored stimuli must "
                "be evenly spaced, so give the same value."
            )
        if self._run is not None and every and self._snapshots is None:
            raise InputError("store_progress must be given in the first call of synthesize, not in a later one.")
        if every and self._snapshots is None:
            self._snapshots = Snapshots(every)

    # Reading --------------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The record of the run, or None before `synthesize`."""
        return self._run

    @property
    def result(self) -> SynthesisResult:
        """The outcome so far: stimulus, status, figures and `summary()`."""
        if self._run is None:
            raise StateError(f"this {type(self).__name__} has no result yet; call synthesize() first.")
        figures, meaning = self._figures()
        return SynthesisResult(
            method=type(self).__name__,
            stimulus=self._stimulus,
            status=self._run.status,
            figures=figures,
            meaning=meaning,
            trace=self._run.trace,
            iterations=self._run.iteration,
            config=self._config(),
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
        """Stored stimuli, (stored, batch, ...), on the CPU, with the present one last."""
        if self._snapshots is None or self._run is None:
            return torch.empty(0)
        images = list(self._snapshots.images)
        if self._snapshots.iterations[-1:] != [self._run.iteration]:
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
        progress: dict[str, Any] = {"iteration": iteration}
        for name, values in series.items():
            progress[name] = values[iteration] if iteration < len(values) else None
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

    # Moving, printing -----------------------------------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> "IterativeSynthesis":
        """Move or convert the stimuli and, where it is a module, the model; arguments as in `torch.Tensor.to`."""
        require_complete(self, "to")
        for name, value in vars(self).items():
            if isinstance(value, nn.Module):
                value.to(*args, **kwargs)
            elif isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()):
                setattr(self, name, value.to(*args, **kwargs))
        if self._run is not None:
            self._run = _moved_run(self._run, self._solver, *args, **kwargs)
        return self

    def _config(self) -> dict[str, Any]:
        return {
            "metameric": __version__,
            "torch": torch.__version__,
            "seeds": self._seeds,
            "solver": repr(self._solver),
            **{
                k: v if isinstance(v, int | float | str | list) or v is None else _label(v)
                for k, v in self._settings().items()
            },
        }

    def __repr__(self) -> str:
        lines = [f"  {name} = {_label(value)}," for name, value in self._settings().items()]
        if self._run is not None:
            states = ", ".join(sorted({str(s) for s in self._run.status}))
            lines.append(f"  status = {states} after {self._run.iteration} iterations,")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class _Keep(Observer):
    """Hand the run to its owner at once, so that nothing is lost when the loop ends in an error."""

    def __init__(self, owner: IterativeSynthesis) -> None:
        self.owner = owner

    def start(self, run: Run, limit: int) -> None:
        self.owner._run = run


def _label(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return name_of(value) if callable(value) else str(value)


def _nearest(stored: list[int], iteration: int, how: str) -> int:
    at_or_before = max((i for i, s in enumerate(stored) if s <= iteration), default=0)
    at_or_after = min((i for i, s in enumerate(stored) if s >= iteration), default=len(stored) - 1)
    if how == "floor":
        return at_or_before
    if how == "ceiling":
        return at_or_after
    return min((at_or_before, at_or_after), key=lambda i: abs(stored[i] - iteration))


def _moved_run(run: Run, solver: Solver, *args: Any, **kwargs: Any) -> Run:
    """Return the run elsewhere. What the solver remembers stays behind: it belongs to the old precision and place."""
    there = run.x.to(*args, **kwargs)
    if there.dtype == run.x.dtype and there.device == run.x.device:
        return run

    def move(t: Tensor) -> Tensor:
        return t.to(*args, **kwargs) if t.is_floating_point() or t.is_complex() else t.to(run_device)

    run_device = there.device
    point = replace(
        run.point,
        x=move(run.x),
        total=move(run.point.total),
        parts={k: move(v) for k, v in run.point.parts.items()},
        gradient=move(run.point.gradient),
    )
    columns = {name: [move(v) for v in values] for name, values in run.trace.columns.items()}
    active = torch.arange(run.codes.numel(), device=run_device)
    return Run(
        point,
        Trace(columns, list(run.trace.seconds)),
        move(run.codes),
        run.iteration,
        active,
        solver.start(point),
        {k: move(v) for k, v in run.control.items()},
        move(run.counts),
    )
