"""What every synthesis that runs through the loop has in common: the run, its record, progress, moves, and repr."""

import html
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.counts import count, whole
from metameric._core.errors import InputError
from metameric._objective._terms import Objective
from metameric._solve._constraint import FREE, Constraint
from metameric._solve._lbfgs import LBFGS
from metameric._solve._loop import Renew, Run, minimise
from metameric._solve._observe import Observer, ProgressBar, Snapshots
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Solver
from metameric._solve._stop import Stop
from metameric._solve._torch_optim import TorchOptim
from metameric._synthesis._archived import Archived
from metameric._synthesis._moved import moved, moved_run
from metameric._synthesis._recorded import Recorded
from metameric._synthesis._result import SynthesisResult
from metameric._synthesis._resumed import require_complete
from metameric._version import __version__
from metameric.validate._stimulus import refuse_inference_mode

LEARNING_RATE = 0.01
"""Of a `torch.optim` optimizer, if none is given: plenoptic's, for all of them."""


class IterativeSynthesis(Recorded, Archived, ABC):
    """Base of the synthesis classes: a face over objective, solver and run. Subclasses say what is sought."""

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
        options = dict(optimizer_kwargs or {})
        if optimizer is None:
            if not (options or scheduler is not None or scheduler_kwargs):
                return solver or LBFGS()
            optimizer, options = torch.optim.Adam, {"amsgrad": True, **options}  # as plenoptic has it
        if solver is not None:
            raise InputError("both `solver` and `optimizer` or its options are given; choose one of them.")
        if not callable(optimizer):
            raise InputError(
                f"optimizer is a {type(optimizer).__name__}; expected a class such as torch.optim.Adam, with its "
                "options in optimizer_kwargs (metameric makes one instance per batch entry)."
            )
        if scheduler is None and scheduler_kwargs:
            raise InputError("scheduler_kwargs go with `scheduler`, which is missing; name the scheduler class.")
        if "lr" in inspect.signature(optimizer).parameters:
            options.setdefault("lr", LEARNING_RATE)
        return TorchOptim(optimizer, options, scheduler, dict(scheduler_kwargs or {}))

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
        max_iter = count("max_iter", max_iter, 0, "iterations")
        batch_size = None if batch_size is None else count("batch_size", batch_size, 1, "problems")
        require_complete(self, "synthesize")
        refuse_inference_mode()
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
            constraint=self._solver_constraint(),
            observers=watchers,
            run=self._run,
            batch_size=batch_size,
            renew=self._renewal(),
        )
        return self.result

    def _solver_constraint(self) -> Constraint:
        """Return where the numbers that the solver moves must stay."""
        return self._constraint

    def _renewal(self) -> Renew | None:
        """Return what lets problems begin again elsewhere, if anything does."""
        return None

    def _is_new(self) -> bool:
        return self._start is None and self._run is None

    def _set_store_progress(self, every: bool | int | None) -> None:
        if isinstance(every, bool) or every is None:
            every = 1 if every else 0
        number = whole(every)
        if number is None or number < 0:
            raise InputError(f"store_progress is {every}; expected True, False or every how many iterations to store.")
        every = number
        if self._snapshots is not None and every != self._snapshots.every:
            raise InputError(
                f"store_progress is {every} but was {self._snapshots.every} in the first call; the stored stimuli must "
                "be evenly spaced, so give the same value."
            )
        if self._run is not None and every and self._snapshots is None:
            raise InputError("store_progress must be given in the first call of synthesize, not in a later one.")
        if every and self._snapshots is None:
            self._snapshots = Snapshots(every)

    # Moving, printing -----------------------------------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> "IterativeSynthesis":
        """Move or convert the stimuli and, where it is a module, the model; arguments as in `torch.Tensor.to`."""
        require_complete(self, "to")
        for name, value in vars(self).items():
            setattr(self, name, moved(value, *args, **kwargs))
        if self._run is not None:
            self._run = moved_run(self._run, self._solver, *args, **kwargs)
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

    def _repr_html_(self) -> str:
        """Return the status figure and the summary, for notebooks."""
        if self._run is None or self._run.x.ndim != 4:
            return f"<pre>{html.escape(repr(self))}</pre>"
        from metameric.plot._rich import rich_html

        return rich_html(self)

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
