"""The generic synthesis: any objective, with slots for what lies between it and the numbers that a solver moves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import InputError, InputTypeError
from metameric._core.random import normal, problem_seeds, uniform
from metameric._objective._composed import Change, Composed, Parametrization, Transform
from metameric._objective._function import Function
from metameric._objective._parametrize import Generator
from metameric._objective._terms import Objective
from metameric._solve._constraint import FREE, Constraint, Free, distance_to
from metameric._solve._observe import Observer
from metameric._solve._redraw import Redraw
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Solver
from metameric._solve._status import Status
from metameric._solve._stop import Plateau, SmallChange, Stationary, Stop
from metameric._solve._together import Intersection
from metameric._solve._torch_optim import TorchOptim
from metameric._synthesis._iterative import IterativeSynthesis
from metameric._synthesis._result import SynthesisResult
from metameric._synthesis._resumed import set_up_again
from metameric.validate._stimulus import validate_input

DRAWS_APART = 20
"""Iterations of L-BFGS between two draws of the transforms: it learns nothing from an objective that always changes."""


class Synthesis(IterativeSynthesis):
    """Synthesise stimuli that make any objective small: ``objective(transform(parametrization(z)))`` on a constraint.

    Parameters
    ----------
    objective
        Callable from stimuli (batch, ...) to one value for each, (batch,), or to these and a dictionary of named parts
        (batch,) worth logging. Or an object with `__call__` and `rows` as in `metameric._objective`.
    image_shape
        Shape of the stimuli, (batch, ...).
    data
        Tensors whose entry i belongs to stimulus i, handed to the objective by name.
    constraint
        Where stimuli must stay: `Box`, `ContrastSphere`, `NormSphere`, `FixedSpectrum`, `FixedPixels`, several in an
        `Intersection`. With a parametrization its stimuli are projected, and the gradient knows.
    parametrization
        What the solver moves instead of pixels: `FourierPixels`, `SigmoidPixels`, a `Generator`.
    transforms
        Random changes, drawn anew for every stimulus as the synthesis goes on: `RandomJitter`, `RandomCrop`, ...
    precondition
        Applied to the gradient, such as `GaussianBlur`; for `torch.optim` optimizers only.
    dtype, device
        Of the stimuli.

    Examples
    --------
    >>> import metameric as mm
    >>> synthesis = mm.Synthesis(lambda x: (x - 0.5).square().sum((1, 2, 3)), (2, 1, 8, 8))
    >>> synthesis.synthesize(progress=False).converged
    True
    """

    _stored: ClassVar[tuple[str, ...]] = ("_start", "_seeds", "_solver", "_schedule", "_data")
    _maximise = False

    def __init__(
        self,
        objective: Callable[..., Any] | Objective,
        image_shape: Sequence[int],
        *,
        data: Mapping[str, Tensor] | None = None,
        constraint: Constraint | None = None,
        parametrization: Change | None = None,
        transforms: Sequence[Transform] = (),
        precondition: Change | None = None,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__()
        if len(image_shape) < 2 or min(image_shape) < 1:
            raise InputError(f"image_shape is {tuple(image_shape)}; expected (batch, ...) with positive sizes.")
        if not callable(objective):
            raise InputTypeError(f"the objective is a {type(objective).__name__}; expected a callable of stimuli.")
        self._function = objective
        self._data = dict(data or {})
        for name, value in self._data.items():
            if value.shape[:1] != (image_shape[0],):
                raise InputError(
                    f"data {name!r} has shape {tuple(value.shape)}; expected ({image_shape[0]}, ...), one entry for "
                    "each stimulus of the batch."
                )
        self._blank = torch.zeros((), dtype=dtype, device=device).expand(tuple(image_shape))
        self._constraint = FREE if constraint is None else constraint
        self._parametrization = parametrization
        self._transforms = tuple(transforms)
        self._precondition = precondition
        if parametrization is not None and constraint is not None and not hasattr(constraint, "project"):
            self._constraint = Intersection(constraint)

    # Start ----------------------------------------------------------------------------------------------------------

    def setup(
        self,
        initial_image: Tensor | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> None:
        """Choose start and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_image
            Where to start, (batch, ...); uniform noise in [0, 1], brought onto the constraint, by default.
        optimizer, optimizer_kwargs, scheduler, scheduler_kwargs
            Classes of `torch.optim` and their options. The default is metameric's L-BFGS.
        solver
            A solver of metameric's, in place of an optimizer.
        seed
            Seed of noise and transforms: entry i of the batch uses ``seed + i``, or the i-th of a sequence. Several
            seeds for a batch of one give as many stimuli.
        """
        if self._start is not None:
            chosen = {"initial_image": initial_image, "seed": seed}
            set_up_again(self, chosen, solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, None)
            return
        self._solver = self._choose_solver(solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs)
        first_order = isinstance(self._solver, TorchOptim)
        if self._precondition is not None and not first_order:
            raise InputError(
                "precondition changes the gradient, which L-BFGS takes at its word; name an optimizer of torch.optim, "
                "or use a parametrization such as FourierPixels, which is the same thing done consistently."
            )
        self._schedule = self._choose_schedule(first_order)
        n = self._blank.shape[0]
        n = len(seed) if n == 1 and isinstance(seed, Sequence) else n if initial_image is None else len(initial_image)
        self._seeds = problem_seeds(seed, n)
        self._start = self._encoded(initial_image, self._seeds)
        self._data = {k: v.expand(n, *v.shape[1:]) for k, v in self._data.items()}

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        return Redraw(1 if first_order else DRAWS_APART) if self._transforms else None

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        """Return the parameters to start from, for each of these seeds."""
        like = self._blank[:1].expand(len(seeds), *self._blank.shape[1:])
        if image is None:
            if isinstance(self._parametrization, Generator):
                return normal(seeds, like.new_empty(len(seeds), *self._parametrization.latent_shape))
            image = uniform(seeds, like)
        else:
            validate_input(image)
            image = image.detach().to(like)
            if image.shape != like.shape:
                raise InputError(
                    f"initial_image has shape {tuple(image.shape)}; expected {tuple(like.shape)}, one for each problem."
                )
        if self._parametrization is None:
            return image
        if not isinstance(self._parametrization, Parametrization):
            raise InputError(
                f"the parametrization {name_of(self._parametrization)} cannot encode an image; give it a method "
                "encode(x), or wrap it as mm.Generator(function, latent_shape) and start from latent noise."
            )
        if not isinstance(self._constraint, Free):
            image = self._constraint.move(image, torch.zeros_like(image))
        return self._parametrization.encode(image)

    # Running --------------------------------------------------------------------------------------------------------

    def synthesize(
        self,
        max_iter: int = 500,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 20,
        *,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
    ) -> SynthesisResult:
        """Run, or continue, for at most `max_iter` iterations.

        Parameters
        ----------
        max_iter
            Iterations in this call.
        store_progress
            Keep the stimulus of every iteration (True) or of every so many.
        stop_criterion, stop_iters_to_check
            plenoptic's rule: end when the objective has changed by less than this over so many iterations. By default
            the run ends, converged, where the objective is flat or has improved by less than 0.01 % over
            `stop_iters_to_check` iterations. Where transforms are drawn anew all the time, it goes on to `max_iter`.
        stop
            Another stopping rule altogether.
        progress
            Show a progress bar; None shows it in terminals only.
        observers
            Objects that watch the run, for instance checkpoints.
        """
        if stop_iters_to_check < 1:
            raise InputError(f"stop_iters_to_check is {stop_iters_to_check}; expected at least 1.")
        if self._start is None:
            self.setup()
        if stop is None and stop_criterion is not None:
            stop = SmallChange(stop_criterion, stop_iters_to_check)
        return self._minimise(max_iter, store_progress, stop or self._stop(stop_iters_to_check), progress, observers)

    def _stop(self, window: int) -> Stop:
        return Stationary(1e-4) | Plateau(1e-4, window, status=Status.CONVERGED)

    def _solver_constraint(self) -> Constraint:
        # Parameters are free: their stimuli are projected on the way to the objective.
        return self._constraint if self._parametrization is None else FREE

    def _base(self) -> Objective:
        """Return the objective on stimuli."""
        if isinstance(self._function, Objective):
            return self._function
        return Function(self._function, self._data, -1.0 if self._maximise else 1.0)

    def _objective(self) -> Objective:
        base = self._base()
        if self._parametrization is None and not self._transforms and self._precondition is None:
            return base
        seeds = torch.tensor(self._seeds, device=self._blank.device)
        change = self._parametrization
        project = getattr(self._constraint, "project", None) if change is not None else None
        return Composed(base, change, project, self._transforms, self._precondition, seeds, torch.zeros_like(seeds))

    # Reading --------------------------------------------------------------------------------------------------------

    def _decode(self, x: Tensor) -> Tensor:
        if self._parametrization is None:
            return x
        with torch.no_grad():
            x = self._parametrization(x)
            return self._constraint.move(x, torch.zeros_like(x))

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        figures = {"objective": self._column("total")[-1]}
        if self._run is not None:
            figures |= {name: value for name, value in self._run.point.parts.items() if value.ndim == 1}
        more, meaning = self._quality()
        return {**figures, **more}, {"objective": name_of(self._function), **meaning}

    def _quality(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the figures that every method has: constraints, flatness, evaluations."""
        figures, meaning = {}, {"evaluations": "of the objective, with gradient"}
        members = self._constraint.constraints if isinstance(self._constraint, Intersection) else [self._constraint]
        for member in (m for m in members if not isinstance(m, Free)):
            name = f"off_{type(member).__name__}"
            figures[name] = distance_to(member, self._stimulus)
            meaning[name] = "root mean square distance from the constraint"
        if self._run is not None and "slope" in self._run.trace:
            figures["slope"] = self._column("slope")[-1]
            meaning["slope"] = "part of the gradient that could still be followed; 0 at an optimum"
        figures["evaluations"] = self._column("evaluations")[-1]
        return figures, meaning

    def _settings(self) -> dict[str, Any]:
        return {
            "objective": self._function,
            "image_shape": self._blank,
            "constraint": self._constraint,
            "parametrization": self._parametrization,
            "transforms": self._transforms,
            "precondition": self._precondition,
            **{f"data_{name}": value for name, value in self._data.items()},
        }

    @torch.no_grad()
    def _behaviour(self) -> dict[str, Tensor]:
        like = self._blank[:1]
        x = uniform([0], like)
        data = {name: value[:1] for name, value in self._data.items()}
        known: dict[str, Tensor] = {}
        if not isinstance(self._function, Objective):
            known["objective"] = Function(self._function, data)(x).total
        if isinstance(self._parametrization, Parametrization):
            known["parametrization"] = self._parametrization(self._parametrization.encode(x))
        return known

    @property
    def stimulus(self) -> Tensor:
        """The stimuli, (batch, ...); empty before `setup`."""
        return self._stimulus

    @property
    def saved_stimulus(self) -> Tensor:
        """Stimuli stored on the way, (stored, batch, ...); the present ones alone without `store_progress`."""
        return self._saved
