"""Metamers from coarse to fine."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._objective._match import Match
from metameric._objective._staged import Staged
from metameric._solve._coarse_to_fine import CoarseToFine
from metameric._solve._loop import Run
from metameric._solve._observe import Observer
from metameric._solve._stop import Stop
from metameric._synthesis._metamer import Metamer
from metameric._synthesis._result import SynthesisResult
from metameric.loss._losses import mse
from metameric.regularize._range import penalize_range
from metameric.validate._models import validate_coarse_to_fine


class MetamerCTF(Metamer):
    """Metamers matched from coarse to fine (Portilla & Simoncelli 2000): first low frequencies, then more and more.

    Parameters
    ----------
    image, model, loss_function, penalty_function, penalty_lambda
        As for `Metamer`. The model must have `scales`, from coarse to fine, and take ``model(x, scales=[...])``.
    coarse_to_fine
        ``"together"``: each stage adds a scale to those before; ``"separate"``: each stage has one scale. A last stage
        matches all of them.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("grass", size=32)
    >>> model = mm.models.PortillaSimoncelli((32, 32), n_scales=2)
    >>> metamer = mm.MetamerCTF(image, model, mm.loss.l2_norm)
    >>> metamer.setup(seed=0)
    >>> result = metamer.synthesize(20, ctf_iters_to_check=3, progress=False)
    >>> metamer.scales_finished[0]
    'pixel_statistics'
    """

    def __init__(
        self,
        image: Tensor,
        model: Callable[..., Tensor],
        loss_function: Callable[..., Tensor] = mse,
        penalty_function: Callable[..., Tensor] = penalize_range,
        penalty_lambda: float = 0.1,
        coarse_to_fine: str = "together",
    ) -> None:
        if coarse_to_fine not in ("together", "separate"):
            raise InputError(f"coarse_to_fine is {coarse_to_fine!r}; expected 'together' or 'separate'.")
        super().__init__(image, model, loss_function, penalty_function, penalty_lambda)
        validate_coarse_to_fine(model, image.shape, image.device, image_dtype=image.dtype)
        self._coarse_to_fine = coarse_to_fine
        scales = list(model.scales)  # type: ignore[attr-defined]
        steps = [scales[: i + 1] for i in range(len(scales))] if coarse_to_fine == "together" else [[s] for s in scales]
        # The last stage of "together" would be everything, which "all" is.
        self._stages: list[list[Any]] = steps[:-1] if coarse_to_fine == "together" else steps

    def synthesize(
        self,
        max_iter: int = 1000,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 50,
        change_scale_criterion: float | None = 0.01,
        ctf_iters_to_check: int = 50,
        *,
        tolerance: float | None = None,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
        batch_size: int | None = None,
    ) -> SynthesisResult:
        """Run, or continue, for at most `max_iter` iterations; arguments as for `Metamer.synthesize`, and two more.

        Parameters
        ----------
        change_scale_criterion
            A stage ends when its loss has fallen by less than this fraction over `ctf_iters_to_check` iterations, or
            its relative error is below 1e-3; None ends every stage after that many iterations.
        ctf_iters_to_check
            Iterations to look back over.
        """
        if ctf_iters_to_check < 1:
            raise InputError(f"ctf_iters_to_check is {ctf_iters_to_check}; expected at least 1.")
        self._schedule = CoarseToFine(len(self._stages) + 1, change_scale_criterion, ctf_iters_to_check)
        if self._start is None:
            self.setup()
        watchers = [_Overall(super()._objective(), len(self._stages)), *observers]
        return super().synthesize(
            max_iter,
            store_progress,
            stop_criterion,
            stop_iters_to_check,
            tolerance=tolerance,
            stop=stop,
            progress=progress,
            observers=watchers,
            batch_size=batch_size,
        )

    def _objective(self) -> Any:
        whole = super()._objective()
        stages = [self._stage(whole, scales) for scales in self._stages]
        first = torch.zeros(self._start.shape[0], dtype=torch.long, device=self._image.device)  # type: ignore[union-attr]
        return Staged((*stages, whole), first)

    def _stage(self, whole: Match, scales: list[Any]) -> Match:
        with torch.no_grad():
            target = self._model(self._image, scales=scales)
        return Match(whole.model, target, whole.loss, whole.penalty, whole.penalty_lambda, {"scales": scales})

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), "coarse_to_fine": self._coarse_to_fine}

    @property
    def coarse_to_fine(self) -> str:
        """How the stages follow one another."""
        return self._coarse_to_fine

    @property
    def losses(self) -> Tensor:
        """Objective over all scales at every iteration, (iterations + 1,), averaged over the batch."""
        return self._column("overall").mean(1)

    @property
    def scales_loss(self) -> Tensor:
        """Objective of the stage at every iteration, (iterations + 1,), averaged over the batch."""
        return self._column("total").mean(1)

    @property
    def _named_stages(self) -> tuple[Any, ...]:
        """Name each stage by the finest of its scales."""
        return (*(scales[-1] for scales in self._stages), "all")

    @property
    def _stage_now(self) -> int:
        """The stage of the slowest problem."""
        return 0 if self._run is None else int(self._run.control["stage"].min())

    @property
    def scales(self) -> tuple[Any, ...]:
        """Stages at hand and to come, each by its finest scale; ``"all"`` is the last."""
        return self._named_stages[self._stage_now :]

    @property
    def scales_finished(self) -> tuple[Any, ...]:
        """Stages that every problem has left behind."""
        return self._named_stages[: self._stage_now]

    @property
    def scales_timing(self) -> dict[Any, list[int]]:
        """First and last iteration of each stage (of the slowest problem), by its name; of that at hand, the first."""
        timing: dict[Any, list[int]] = {name: [] for name in self._named_stages}
        if self._run is None:
            timing[self._named_stages[0]] = [0]
            return timing
        stage = self._column("stage").min(1).values
        for i, name in enumerate(self._named_stages[: self._stage_now + 1]):
            iterations = (stage == i).nonzero()[:, 0].tolist()
            timing[name] = iterations[:1] if i == self._stage_now else [iterations[0], iterations[-1]]
        return timing


class _Overall(Observer):
    """Write the objective over all scales into the trace: the stages before the last do not compute it."""

    def __init__(self, objective: Match, last_stage: int) -> None:
        self.objective, self.last_stage = objective, last_stage

    def start(self, run: Run, limit: int) -> None:
        # Missing at the beginning of a run, and where an error came between a step and this.
        run.trace.fill("overall", torch.full_like(run.point.total, torch.nan))
        if bool(run.trace.last("overall").isnan().any()):
            self._record(run)

    def step(self, run: Run) -> None:
        self._record(run)

    @torch.no_grad()
    def _record(self, run: Run) -> None:
        value = run.point.total
        early = run.control["stage"] < self.last_stage
        if bool(early.any()):
            index = early.nonzero()[:, 0]
            value = value.index_copy(0, index, self.objective.rows(index)(run.x[index]).total)
        run.trace.replace_last({"overall": value})
