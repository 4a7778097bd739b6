"""Metamers: stimuli that a model cannot tell apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.errors import InputError
from metameric._core.random import problem_seeds
from metameric._core.tensors import norm
from metameric._core.types import Number
from metameric._objective._match import Match, relative_error
from metameric._solve._constraint import Constraint
from metameric._solve._observe import Observer
from metameric._solve._solver import Solver
from metameric._solve._stop import Below, Plateau, SmallChange, Stop
from metameric._synthesis._penalised import Penalised
from metameric._synthesis._result import SynthesisResult
from metameric._synthesis._resumed import set_up_again
from metameric._synthesis._start import checked_start, checked_target, starting_image
from metameric.loss._losses import mse
from metameric.process._surrogate import random_phase
from metameric.regularize._range import penalize_range
from metameric.validate._probe import check, probe
from metameric.validate._stimulus import validate_input

TOLERANCE = 1e-3
"""Relative representation error that counts as a metamer, at most."""


class Metamer(Penalised):
    """Synthesise stimuli whose representation in a model equals that of a target (Freeman & Simoncelli 2011).

    Minimises ``loss_function(model(x), model(image)) + penalty_lambda * penalty_function(x)`` for every batch entry on
    its own.

    Parameters
    ----------
    image
        Target stimuli, (batch, ...): images (batch, channel, height, width), signals, video.
    model
        Any deterministic, differentiable callable from (batch, ...) to a tensor (batch, ...).
    loss_function
        Callable of two representations giving one number; those of `metameric.loss` or your own.
    penalty_function
        Callable of a stimulus giving one number. Stimuli stay within the range of `penalize_range`, the default; with
        another penalty nothing keeps the range but ``setup(constraint=Box(0, 1))``.
    penalty_lambda
        Weight of the penalty.
    target_representation
        Match this, (batch, ...), in place of the representation of `image`, which then gives shape and range only: a
        texture's statistics at another size, a mixture of two.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("camera", size=32)
    >>> metamer = mm.Metamer(image, mm.models.Gaussian(7))
    >>> metamer.setup(seed=0)
    >>> metamer.synthesize(progress=False).converged
    True
    """

    stimulus_name = "metamer"
    _bar = ("error", "loss", "penalty")
    _stored = (*Penalised._stored, "_target_representation")

    def __init__(
        self,
        image: Tensor,
        model: Callable[..., Tensor],
        loss_function: Callable[..., Tensor] = mse,
        penalty_function: Callable[..., Tensor] = penalize_range,
        penalty_lambda: float = 0.1,
        *,
        target_representation: Tensor | None = None,
    ) -> None:
        super().__init__(image, penalty_function, penalty_lambda)
        self._model = model
        response = check(probe(model, self._image))
        self._target_representation = checked_target(target_representation, response)
        self._loss_function = loss_function
        self._unrelated: Tensor | None = None
        self._warn_of_conflict()

    def setup(
        self,
        initial_image: Tensor | str | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        """Choose start and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_image
            Where to start, (batch, ...), or what to make from the seed: ``"noise"`` (uniform over the range),
            ``"gaussian"`` (mean and variance of the target), ``"random_phase"`` (its power spectrum),
            ``"random_phase_histogram"`` (grey values as well). The default is the model's `preferred_start` or noise.
        optimizer, optimizer_kwargs, scheduler, scheduler_kwargs
            Classes of `torch.optim` and their options; the learning rate is 0.01 if not given, and options alone are
            those of AMSGrad. The default is metameric's L-BFGS.
        solver
            A solver of metameric's, in place of an optimizer.
        seed
            Seed of the noise: entry i of the batch uses ``seed + i``, or the i-th of a sequence. Several seeds with a
            single target give as many metamers of it.
        constraint
            A set on which the metamer must stay. By default metameric's solvers keep it within the range of
            `penalize_range` exactly, which then costs nothing, if the target lies within it; a `torch.optim` optimizer
            and other penalties are left to weigh the penalty. `Free` leaves it to the penalty with any solver.
        """
        if self._start is not None:
            chosen = {"initial_image": initial_image, "seed": seed}
            set_up_again(self, chosen, solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, constraint)
            return
        self._solver = self._choose_solver(solver, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs)
        self._constraint = self._choose_constraint(constraint)
        if initial_image is None:
            initial_image = getattr(self._model, "preferred_start", "noise")
        if isinstance(initial_image, str):
            self._start = self._make_start(initial_image, seed)
        else:
            validate_input(initial_image)
            self._start = checked_start(
                initial_image.detach().to(self._image), self._image, self._model, self._target_representation
            )
        if self._start.shape[0] != self._image.shape[0]:
            self._image = self._image.expand(self._start.shape[0], *self._image.shape[1:])
            repeats = (self._start.shape[0], *(-1,) * (self._target_representation.ndim - 1))
            self._target_representation = self._target_representation.expand(repeats)
            self._unrelated = None

    def synthesize(
        self,
        max_iter: int = 1000,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 50,
        *,
        tolerance: float | None = None,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
        batch_size: int | None = None,
    ) -> SynthesisResult:
        """Run, or continue, for at most `max_iter` iterations.

        Parameters
        ----------
        max_iter
            Iterations in this call.
        store_progress
            Keep the metamer of every iteration (True) or of every so many.
        stop_criterion, stop_iters_to_check
            plenoptic's rule: end when the loss has changed by less than this over so many iterations. By default the
            run ends, converged, when the relative representation error is at most `tolerance`, or, stalled, when the
            loss has fallen by less than 0.1 % over `stop_iters_to_check` iterations.
        tolerance
            Relative representation error, ``|f(x) - f(image)| / |f(image)|``, that counts as a metamer. By default
            1e-3, and less where unrelated stimuli are close too: at most a hundredth of `unrelated_error`, unless that
            is below 1e-3 itself, as where a model ignores phase or the target is uniform.
        stop
            Another stopping rule altogether.
        progress
            Show a progress bar; None shows it in terminals only.
        observers
            Objects that watch the run, for instance checkpoints.
        batch_size
            How many batch entries to evaluate at once, to bound memory; all of them by default.
        """
        if self._start is None:
            self.setup()
        if stop is None:
            stop = self._stop(stop_criterion, stop_iters_to_check, tolerance)
        return self._minimise(max_iter, store_progress, stop, progress, observers, batch_size)

    def _stop(self, criterion: float | None, window: int, tolerance: float | None) -> Stop:
        if window < 1:
            raise InputError(f"stop_iters_to_check is {window}; expected at least 1.")
        if criterion is not None:
            return SmallChange(criterion, window)
        return Below("error", self.enough(tolerance)) | Plateau(1e-3, window)

    def enough(self, tolerance: Number | None = None) -> Float[Tensor, " batch"]:
        """Return the relative error that counts as a metamer: `tolerance`, or what `synthesize` takes by default."""
        if tolerance is None:
            unrelated = self.unrelated_error
            least = 100 * torch.finfo(unrelated.dtype).eps
            # A model that does not tell even the unrelated from the target is matched by it.
            told_apart = unrelated > TOLERANCE
            return torch.where(told_apart, (unrelated / 100).clamp(least, TOLERANCE), TOLERANCE)
        if not tolerance >= 0:
            raise InputError(f"tolerance is {tolerance}; expected 0 or more.")
        return self._image.real.new_full((len(self._target_representation),), float(tolerance))

    # Parts of the problem -------------------------------------------------------------------------------------------

    def _objective(self) -> Match:
        return Match(
            self._model, self._target_representation, self._loss_function, self._charged(), self._penalty_lambda
        )

    def _make_start(self, name: str, seed: int | Sequence[int] | None) -> Tensor:
        n = self._image.shape[0]
        if n == 1 and isinstance(seed, Sequence):
            n = len(seed)
        self._seeds = problem_seeds(seed, n)
        # Stimuli that live outside [0, 1] (sound, z-scored images) start within their own range.
        bounds = min(0.0, float(self._image.min())), max(1.0, float(self._image.max()))
        return starting_image(name, self._image, self._seeds, bounds)

    def objective_function(
        self, metamer: Tensor | None = None, target_representation: Tensor | None = None, **analyze_kwargs: Any
    ) -> Tensor:
        """Return loss plus weighted penalty of a stimulus, one differentiable number for the whole batch.

        Parameters
        ----------
        metamer
            Stimulus, (batch, ...); the present metamer by default, without which (before `setup`) the result is empty.
        target_representation
            Representation to compare with; the target's by default.
        **analyze_kwargs
            Passed to the model.
        """
        if metamer is None:
            metamer = self.metamer
            if metamer.numel() == 0:
                return torch.empty(0)
        if target_representation is None:
            target_representation = (
                self._model(self._image, **analyze_kwargs) if analyze_kwargs else self._target_representation
            )
        loss = self._loss_function(self._model(metamer, **analyze_kwargs), target_representation)
        return loss + self._penalty_lambda * self._penalty_function(metamer)

    # Reading --------------------------------------------------------------------------------------------------------

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        error = self._run_column("error")
        figures = {"relative_error": error, "unrelated_error": self.unrelated_error}
        if self.metamer.shape == self._image.shape:
            figures["pixel_distance"] = norm(self.metamer - self._image) / self._image[0].numel() ** 0.5
        figures["penalty"] = self._run_column("penalty")
        figures["evaluations"] = self._run_column("evaluations")
        meaning = {
            "relative_error": "|f(x) - f(image)| / |f(image)|",
            "unrelated_error": "the same for noise with the image's power spectrum",
            "pixel_distance": "root mean square difference from the image",
            "penalty": name_of(self._penalty_function),
            "evaluations": "of the model, with gradient",
        }
        return figures, meaning

    @property
    @torch.no_grad()
    def unrelated_error(self) -> Tensor:
        """Relative error of an unrelated stimulus with the target's power spectrum, (batch,): for scale."""
        if self._unrelated is None:
            surrogate = random_phase(self._image, [0] * self._image.shape[0])
            surrogate = surrogate.clamp(float(self._image.min()), float(self._image.max()))
            # One at a time: whatever the batch, this takes no more memory than the synthesis.
            response = torch.cat([self._model(s) for s in surrogate.split(1)])
            self._unrelated = relative_error(response, self._target_representation)
        return self._unrelated

    def _run_column(self, name: str) -> Tensor:
        return self._column(name)[-1]

    def _settings(self) -> dict[str, Any]:
        return {
            "image": self._image,
            "model": self._model,
            "loss_function": self._loss_function,
            "penalty_function": self._penalty_function,
            "penalty_lambda": self._penalty_lambda,
        }

    @property
    def model(self) -> Callable[..., Tensor]:
        """The model."""
        return self._model

    @property
    def target_representation(self) -> Tensor:
        """Representation of the target, (batch, ...)."""
        return self._target_representation

    @property
    def loss_function(self) -> Callable[..., Tensor]:
        """The loss."""
        return self._loss_function

    @property
    def metamer(self) -> Tensor:
        """The metamers, (batch, ...); empty before `setup`."""
        return self._stimulus

    @property
    def saved_metamer(self) -> Tensor:
        """Metamers stored on the way, (stored, batch, ...); the present ones alone without `store_progress`."""
        return self._saved
