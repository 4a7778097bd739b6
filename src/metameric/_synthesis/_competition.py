"""What a single MAD competition and a whole set of them share: start, objective, stopping rule, figures."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from metameric._core.errors import InputError
from metameric._core.random import normal, problem_seeds
from metameric._core.tensors import rows
from metameric._core.types import Number
from metameric._objective._contest import Contest, growth
from metameric._objective._held import Held
from metameric._objective._return import Return, scaled_to
from metameric._objective._trade_off import TradeOff
from metameric._solve._constraint import Box, Constraint
from metameric._solve._observe import Observer
from metameric._solve._solver import Solver
from metameric._solve._status import Status
from metameric._solve._stop import Plateau, SmallChange, Stop
from metameric._synthesis._penalised import Penalised
from metameric._synthesis._result import SynthesisResult
from metameric._synthesis._resumed import set_up_again
from metameric.validate._functions import validate_metric
from metameric.validate._stimulus import validate_input

DEFAULT_NOISE = 0.1


class Competition(Penalised):
    """Base: stimuli for which one metric is driven to an extreme while another one stays where it was."""

    _bar: tuple[str, ...] = ("optimized_metric", "reference_metric", "stray")
    _stored = (*Penalised._stored, "_power", "_optimized_start", "_reference_start")

    def __init__(
        self,
        image: Tensor,
        metrics: Sequence[Callable[..., Tensor]],
        metric_tradeoff_lambda: Number | None,
        penalty_function: Callable[..., Tensor],
        penalty_lambda: Number,
    ) -> None:
        super().__init__(image, penalty_function, penalty_lambda)
        if metric_tradeoff_lambda is not None and not metric_tradeoff_lambda >= 0:
            raise InputError(f"metric_tradeoff_lambda is {metric_tradeoff_lambda}; expected 0 or more.")
        for metric in metrics:
            validate_metric(metric, (1, *image.shape[1:]), image.dtype, image.device)
        self._metrics = tuple(metrics)
        self._metric_tradeoff_lambda = metric_tradeoff_lambda
        # Tensors (problems,) from setup on.
        self._power: Any = None
        self._optimized_start: Any = None
        self._reference_start: Any = None

    @abstractmethod
    def _contest(self, image: Tensor, level: Tensor) -> Contest:
        """Return who plays which role, for these images and this value of the reference metric (per problem)."""

    @abstractmethod
    def _per_problem(self, per_image: Tensor) -> Tensor:
        """Repeat what there is one of per image, so that there is one per problem."""

    # Start ----------------------------------------------------------------------------------------------------------

    def setup(
        self,
        initial_noise: Number | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        initial_image: Tensor | None = None,
        reference_value: Number | Tensor | None = None,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        """Choose start and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_noise
            Standard deviation of the Gaussian noise added to the image, 0.1 by default.
        optimizer, optimizer_kwargs, scheduler, scheduler_kwargs
            Classes of `torch.optim` and their options. The default is metameric's L-BFGS.
        initial_image
            Where to start, in place of noise, (batch, ...).
        reference_value
            Scale the difference between start and image until the reference metric has this value.
        solver
            A solver of metameric's, in place of an optimizer.
        seed
            Seed of the noise: entry i of the batch uses ``seed + i``, or the i-th of a sequence. Several seeds with a
            single image give as many stimuli.
        constraint
            A set on which the stimulus must stay. By default metameric's solvers keep it, start included, within the
            range of `penalize_range` exactly, if the image lies within it; a `torch.optim` optimizer and other
            penalties are left to weigh the penalty.
        """
        if self._start is not None:
            chosen = {
                "initial_noise": initial_noise,
                "initial_image": initial_image,
                "reference_value": reference_value,
                "seed": seed,
            }
            set_up_again(self, chosen, solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, constraint)
            return
        self._solver = self._choose_solver(solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs)
        self._constraint = self._choose_constraint(constraint)
        start = self._initial(initial_noise, initial_image, seed)
        self._image = self._image.expand(start.shape[0], *self._image.shape[1:])
        self._begin_at(self._per_problem(start).clamp(*self._range()), reference_value)

    def _begin_at(self, start: Tensor, reference_value: Number | Tensor | None) -> None:
        contest = self._contest(self._per_problem(self._image), torch.ones_like(rows(start)[:, 0]))
        if reference_value is not None:
            start = scaled_to(contest, start, reference_value, self._range())
        with torch.no_grad():
            optimized, reference = contest.optimized_value(start), contest.reference_value(start)
        if not bool((reference > 0).all()):
            raise InputError(
                f"the reference metric is {reference.tolist()} at the initial image; expected more than "
                "0, or there is no room to move. Start further from the image: more initial_noise."
            )
        self._optimized_start, self._reference_start = optimized, reference
        self._power = growth(contest, start)
        self._start = start

    def _initial(
        self, initial_noise: Number | None, initial_image: Tensor | None, seed: int | Sequence[int] | None
    ) -> Tensor:
        """Return where to start, one stimulus per image, before any bounds."""
        if initial_image is not None:
            if initial_noise is not None:
                raise InputError("both initial_noise and initial_image are given; choose one of them.")
            validate_input(initial_image)
            if initial_image.shape[1:] != self._image.shape[1:] or self._image.shape[0] not in (1, len(initial_image)):
                raise InputError(
                    f"initial_image has shape {tuple(initial_image.shape)}; expected {tuple(self._image.shape)}, like "
                    "the image."
                )
            return initial_image.detach().to(self._image)
        std = DEFAULT_NOISE if initial_noise is None else initial_noise
        if not (isinstance(std, Real) and std > 0):
            raise InputError(f"initial_noise is {std!r}; expected a standard deviation, more than 0.")
        n = len(seed) if self._image.shape[0] == 1 and isinstance(seed, Sequence) else self._image.shape[0]
        self._seeds = problem_seeds(seed, n)
        image = self._image.expand(n, *self._image.shape[1:])
        return image + float(std) * normal(self._seeds, image)

    def _range(self) -> tuple[float, float]:
        box = self._constraint
        return (box.low, box.high) if isinstance(box, Box) else (-torch.inf, torch.inf)

    # Parts of the problem -------------------------------------------------------------------------------------------

    def _objective(self) -> Held | TradeOff:
        contest = self._contest(self._per_problem(self._image), self._reference_start)
        if self._metric_tradeoff_lambda is not None:
            return TradeOff(contest, self._metric_tradeoff_lambda, self._charged(), self._penalty_lambda)
        back = Return(self._power, *self._range())
        return Held(contest, self._charged(), self._penalty_lambda, back)

    def synthesize(
        self,
        max_iter: int = 100,
        store_progress: bool | int = False,
        stop_criterion: Number | None = None,
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
            the run ends, converged, when it has improved by less than 0.01 % over `stop_iters_to_check` iterations.
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
        if stop is None:
            level = Plateau(1e-4, stop_iters_to_check, status=Status.CONVERGED)
            stop = level if stop_criterion is None else SmallChange(stop_criterion, stop_iters_to_check)
        return self._minimise(max_iter, store_progress, stop, progress, observers)

    # Reading --------------------------------------------------------------------------------------------------------

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        figures = {
            "optimized_final": self._column("optimized_metric")[-1],
            "stray_percent": 100 * self._column("stray")[-1],
            "reference_final": self._column("reference_metric")[-1],
            "optimized_initial": self._optimized_start,
            "reference_initial": self._reference_start,
            "penalty": self._column("penalty")[-1],
            "evaluations": self._column("evaluations")[-1],
        }
        held = "held" if self._metric_tradeoff_lambda is None else f"weighed by {self._metric_tradeoff_lambda:g}"
        meaning = {
            "optimized_final": "metric that is driven, at the end",
            "stray_percent": "how far the reference metric strayed from its start",
            "reference_final": f"metric that is {held}, at the end",
            "optimized_initial": "metric that is driven, at the start",
            "reference_initial": f"metric that is {held}, at the start",
            "evaluations": "of both metrics, with gradient",
        }
        return figures, meaning

    def _series(self) -> dict[str, Tensor]:
        return {
            **super()._series(),
            "reference_metric_loss": self.reference_metric_loss,
            "optimized_metric_loss": self.optimized_metric_loss,
        }

    def to(self, *args: Any, **kwargs: Any) -> "Competition":
        """Move or convert the stimuli and the metrics that are modules; arguments as in `torch.Tensor.to`."""
        super().to(*args, **kwargs)
        for metric in self._metrics:
            if isinstance(metric, nn.Module):
                metric.to(*args, **kwargs)
        return self

    @property
    def initial_image(self) -> Tensor:
        """Where the synthesis started, (batch, ...), within the range; empty before `setup`."""
        return torch.empty(0) if self._start is None else self._start

    @property
    def metric_tradeoff_lambda(self) -> Number | None:
        """Weight of the reference metric's distance from its start; None where it is held."""
        return self._metric_tradeoff_lambda

    @property
    def reference_metric_loss(self) -> Tensor:
        """Reference metric at every iteration, (iterations + 1,), averaged over the batch."""
        return self._column("reference_metric").mean(1)

    @property
    def optimized_metric_loss(self) -> Tensor:
        """Optimised metric at every iteration, (iterations + 1,), averaged over the batch."""
        return self._column("optimized_metric").mean(1)
