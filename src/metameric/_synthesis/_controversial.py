"""Controversial stimuli: those about which models disagree."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.counts import count
from metameric._core.errors import InputError, ModelError
from metameric._core.random import uniform
from metameric._core.types import Number
from metameric._objective._composed import Change, Transform
from metameric._objective._controversial import Disagreement, controversiality
from metameric._objective._function import Function
from metameric._objective._staged import Staged
from metameric._solve._coarse_to_fine import CoarseToFine
from metameric._solve._constraint import Box, Constraint
from metameric._solve._loop import Renew, Run
from metameric._solve._observe import Observer
from metameric._solve._schedule import Schedule
from metameric._solve._status import Status
from metameric._solve._stop import Below, Plateau, Stationary, Stop
from metameric._solve._together import Intersection
from metameric._synthesis._renewed import Renewed
from metameric._synthesis._result import SynthesisResult
from metameric.validate._probe import check, probe


class ControversialStimuli(Renewed):
    """Find stimuli that classifiers put, with confidence, into different classes (Golan, Raju & Kriegeskorte 2020).

    Maximises a smooth minimum of each model's evidence for its own target and against those of the others, on a
    sequence of ever sharper minima; where the score stays low, from several starts.

    Parameters
    ----------
    models
        Two or more callables from stimuli (batch, ...) to logits (batch, classes).
    targets
        For each stimulus the class that each model should see, (batch, models): ``[(3, 7)]`` is one stimulus that the
        first model should take for a 3 and the second for a 7.
    image_shape
        Shape of one stimulus, without the batch.
    readout
        ``"sigmoid"``: classes are judged one by one, so that both a 3 and a 7 is not controversial. ``"softmax"``:
        classes exclude one another.
    sharpness
        Of the successive minima: each is below the smallest evidence by at most ``log(n) / sharpness``.
    allowed_range
        Of pixels; the score is taken after rounding to 256 levels of it.
    parametrization, transforms, constraint, dtype, device
        As for `Synthesis`; a constraint replaces the range.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> models = [mm.problems.LinearModel.random(3, 64, seed=i) for i in range(2)]
    >>> models = [torch.nn.Sequential(torch.nn.Flatten(), model) for model in models]
    >>> stimuli = mm.ControversialStimuli(models, [(0, 1), (2, 0)], (1, 8, 8), allowed_range=(-9, 9))
    >>> result = stimuli.synthesize(progress=False)
    >>> stimuli.score > 0.9
    tensor([True, True])
    """

    _bar = ("score",)
    _maximise = True
    _stored = (*Renewed._stored, "_starts")

    def __init__(
        self,
        models: Sequence[Callable[..., Tensor]],
        targets: Sequence[Sequence[int]] | Tensor,
        image_shape: Sequence[int],
        readout: str = "sigmoid",
        sharpness: Sequence[Number] = (1.0, 10.0, 100.0),
        allowed_range: tuple[Number, Number] = (0.0, 1.0),
        *,
        constraint: Constraint | None = None,
        parametrization: Change | None = None,
        transforms: Sequence[Transform] = (),
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        if readout not in ("sigmoid", "softmax"):
            raise InputError(f"readout is {readout!r}; expected 'sigmoid' or 'softmax'.")
        if not sharpness or not min(sharpness) > 0:
            raise InputError(f"sharpness is {sharpness}; expected one or more numbers above 0.")
        wanted = torch.as_tensor(targets, device=device)
        if len(models) < 2 or wanted.ndim != 2 or wanted.shape[1] != len(models) or wanted.is_floating_point():
            raise InputError(
                f"targets have shape {tuple(wanted.shape)} for {len(models)} models; expected (batch, models) whole "
                "numbers and at least two models, for instance [(3, 7)]."
            )
        self._models, self._readout, self._targets = list(models), readout, wanted.long()
        self._sharpness, self._allowed_range = [float(s) for s in sharpness], allowed_range
        super().__init__(
            Disagreement(self._models, readout, self._sharpness[-1]),
            (wanted.shape[0], *image_shape),
            data={"targets": self._targets},
            constraint=constraint or Intersection(Box(*allowed_range)),
            parametrization=parametrization,
            transforms=transforms,
            dtype=dtype,
            device=device,
        )
        self._starts: Tensor | None = None  # so far, per stimulus
        self._restarts, self._enough = 1, 0.0
        if transforms and len(self._sharpness) > 1:
            raise InputError("transforms are drawn anew at one sharpness only; give sharpness=(100,) with them.")
        self._check_models()

    def _check_models(self) -> None:
        noise = uniform([0], self._blank[:1])
        for model in self._models:
            logits = check(probe(model, noise))
            low, high = int(self._targets.min()), int(self._targets.max())
            if logits.ndim != 2 or low < 0 or high >= logits.shape[1]:
                raise ModelError(
                    f"{name_of(model)} returned shape {tuple(logits.shape)} for one stimulus; expected logits (1, "
                    f"classes) for classes that include {low} to {high}."
                )

    def _base(self) -> Staged:
        stages = [Disagreement(self._models, self._readout, alpha) for alpha in self._sharpness]
        first = torch.zeros(len(self._data["targets"]), dtype=torch.long, device=self._blank.device)
        return Staged(tuple(Function(stage, self._data, -1.0) for stage in stages), first)

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        if self._transforms:
            return super()._choose_schedule(first_order)
        return CoarseToFine(len(self._sharpness), 1e-2, 5, enough=None)

    def _stop(self, window: int) -> Stop:
        # Scores are pure numbers: where a step across the range changes them by rounding alone, they are at their best.
        low, high = self._allowed_range
        flat = Below("gradient_norm", 100 * torch.finfo(self._blank.dtype).eps / (high - low))
        return flat | Stationary(1e-4) | Plateau(1e-3, window, status=Status.CONVERGED)

    def synthesize(
        self,
        max_iter: int = 1000,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 20,
        *,
        restarts: int = 5,
        enough: Number = 0.85,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
    ) -> SynthesisResult:
        """Run, or continue; a stimulus whose run ends with too low a score starts again from other noise, at once.

        Parameters
        ----------
        max_iter
            Iterations in this call, of all starts of a stimulus together; the next call goes on where this one ends.
        restarts
            Starts, at most, for a stimulus; the best one counts.
        enough
            Score with which a stimulus needs no other start.
        store_progress, stop_criterion, stop_iters_to_check, stop, progress, observers
            As for `Synthesis`; what is stored and recorded are all starts, one after the other.
        """
        restarts = count("restarts", restarts, 1, "starts")
        self._restarts, self._enough = restarts, float(enough)
        options = {"stop": stop, "progress": progress, "observers": observers}
        return super().synthesize(max_iter, store_progress, stop_criterion, stop_iters_to_check, **options)  # type: ignore[arg-type]

    def _renewal(self) -> Renew:
        return self._renew

    def _renew(self, run: Run, ended: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the best of the stimuli whose start has come to its end; begin anew where the score is too low."""
        starts, (_, value) = self.starts.to(ended.device), self._keep(run, ended)
        again = ended[(value < self._enough) & (starts[ended] < self._restarts)]
        fresh = self._further_seeds(again, starts[again])
        self._starts = starts.index_add(0, again, torch.ones_like(again))
        return again, self._encoded(None, fresh) if fresh else run.x[:0]

    def _merit(self, run: Run, index: Tensor | None = None) -> Tensor:
        return self._rounded_score(self._decode(run.x if index is None else run.x[index]), index)

    # Reading --------------------------------------------------------------------------------------------------------

    @property
    def starts(self) -> Tensor:
        """From how many starts each stimulus was sought so far, (batch,)."""
        n = len(self._data["targets"])
        return torch.ones(n, dtype=torch.long, device=self._blank.device) if self._starts is None else self._starts

    @torch.no_grad()
    def _score(self, x: Tensor, index: Tensor | None = None) -> Tensor:
        targets = self._data["targets"] if index is None else self._data["targets"][index]
        logits = torch.stack([model(x) for model in self._models], 1)
        return controversiality(logits, targets.expand(x.shape[0], -1), self._readout)

    @property
    def score(self) -> Float[Tensor, " batch"]:
        """How controversial each stimulus is once rounded to 256 levels, 0 to 1; 0.85 is a usual requirement."""
        return self._rounded_score(self._stimulus)

    def _rounded_score(self, x: Tensor, index: Tensor | None = None) -> Tensor:
        low, high = self._allowed_range
        levels = ((x - low) / (high - low) * 255).round()
        return self._score(low + levels / 255 * (high - low), index)

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        figures = {"score": self.score, "unrounded_score": self._score(self._stimulus)}
        quality, meaning = self._quality()
        figures["starts"] = self.starts
        what = "least of p(own target) and 1 - p(target of another)"
        return {**figures, "initial_score": self._column("score")[0], **quality}, {"score": what, **meaning}

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        del settings["objective"], settings["data_targets"]
        chosen = {"models": self._models, "targets": self._targets, "readout": self._readout}
        return {**chosen, "sharpness": self._sharpness, "allowed_range": list(self._allowed_range), **settings}

    @torch.no_grad()
    def _behaviour(self) -> dict[str, Tensor]:
        noise = uniform([0], self._blank[:1])
        return {f"models[{i}]": model(noise) for i, model in enumerate(self._models)}

    @property
    def targets(self) -> Tensor:
        """The class that each model should see, (batch, models)."""
        return self._targets
