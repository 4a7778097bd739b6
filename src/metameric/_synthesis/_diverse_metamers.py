"""Metamers of one stimulus that are as different from one another as metamers can be."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.counts import count
from metameric._core.errors import InputError
from metameric._core.random import problem_seeds
from metameric._core.types import Number
from metameric._objective._diverse import Farther
from metameric._objective._jacobian import flatten_response
from metameric._solve._constraint import FREE, Box, Constraint
from metameric._solve._multipliers import Multipliers
from metameric._solve._observe import Observer
from metameric._solve._schedule import Schedule
from metameric._solve._stop import Below, Plateau, Stop
from metameric._solve._together import PerMember
from metameric._synthesis._diverse import MEMBERS_APART, DiverseSynthesis, check_n
from metameric._synthesis._metamer import Metamer
from metameric._synthesis._result import SynthesisResult, uninterrupted

WIDE = 0.1
"""The tolerance while a set begins to spread, if it is to be narrower in the end."""
ROUNDS = 6
"""Updates of the multipliers that the spreading has time for, at least."""


class DiverseMetamers(DiverseSynthesis):
    """Find `n` metamers of a stimulus that are as far apart as metamers can be.

    First `n` single metamers are found from seeds of their own. Then the distance between them is maximised while the
    errors are led back to `tolerance` by an augmented Lagrangian; at last the errors alone count, until all are within.

    Parameters
    ----------
    image
        Target stimuli, (batch, ...); each has a set of its own.
    model
        Differentiable callable from (batch, ...) to a tensor (batch, ...).
    n
        Metamers in a set.
    tolerance
        Largest relative representation error, ``|f(x) - f(image)| / |f(image)|``; by default that of `Metamer`.
    spreading
        Iterations, at most, before the errors alone count: a texture spreads on for hundreds, and exact distances in
        small problems need thousands.
    allowed_range
        Of pixels; None allows any.
    constraint
        On every metamer, in place of the range.
    measure, embed
        As for `DiverseExcitingInputs`: distances may be measured in a second model, or in some bands of the first.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> image = mm.data.image("camera", size=16)
    >>> metamers = mm.DiverseMetamers(image, mm.remove_grad(mm.models.Gaussian(7)), 3, tolerance=1e-2)
    >>> result = metamers.synthesize(progress=False)
    >>> result.converged, bool(result.figures["mean_distance"] > 1.2 * result.figures["independent_distance"])
    (True, True)
    """

    def __init__(
        self,
        image: Tensor,
        model: Callable[..., Tensor],
        n: int,
        tolerance: Number | None = None,
        *,
        spreading: int = 300,
        allowed_range: tuple[Number, Number] | None = (0.0, 1.0),
        constraint: Constraint | None = None,
        measure: str = "mean",
        embed: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        n = check_n(n)
        if tolerance is not None and not tolerance > 0:
            raise InputError(f"tolerance is {tolerance}; expected more than 0.")
        spreading = count("spreading", spreading, 1, "iterations")
        single = Metamer(image, model, penalty_lambda=0.0)
        self._single = constraint or (FREE if allowed_range is None else Box(*allowed_range))
        shape = (image.shape[0], n, *image.shape[1:])
        chosen = PerMember(self._single)
        super().__init__(model, shape, constraint=chosen, dtype=image.dtype, device=image.device)
        self._image, self._model, self._tolerance, self._spreading = image.detach(), model, tolerance, spreading
        self._target, self._enough = flatten_response(single.target_representation), single.enough(tolerance)
        self._begin(embed, measure)

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        n = self._blank.shape[1]
        image_of_each = self._image.expand(len(seeds), *self._image.shape[1:])
        single = Metamer(image_of_each.repeat_interleave(n, 0), self._model, penalty_lambda=0.0)
        of_members = [s for seed in seeds for s in problem_seeds(MEMBERS_APART * seed, n)]
        single.setup(None if image is None else self._noise(image), seed=of_members, constraint=self._single)
        uninterrupted(single.synthesize(tolerance=self._tolerance, progress=False))
        self._image = image_of_each
        return single.metamer.reshape(-1, *self._blank.shape[1:])

    def synthesize(
        self,
        max_iter: int = 1000,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 50,
        *,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
    ) -> SynthesisResult:
        """Run, or continue, for at most `max_iter` iterations; arguments as for `Synthesis`.

        By default the run ends, converged, once the spreading is over and all errors are within the tolerance, or,
        stalled, when the errors have fallen by less than 0.1 % over `stop_iters_to_check` iterations.
        """
        return super().synthesize(
            max_iter,
            store_progress,
            stop_criterion,
            stop_iters_to_check,
            stop=stop,
            progress=progress,
            observers=observers,
        )

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        n, spreading = self._blank.shape[1], self._spreading
        slack = max(1.0, WIDE / float(self._enough.amax()))
        # The shape of a set settles while the corridor is wide: in a narrow one the errors drown what is left to gain.
        patience = max(1, spreading // ROUNDS)
        return Multipliers(n, weight=1.0, fraction=1e-7, window=20, slack=slack, patience=patience, budget=spreading)

    def _stop(self, window: int) -> Stop:
        return Below("worst", 0.0) | Plateau(1e-3, window)

    def _excess(self) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
        # Several seeds for one image are as many problems.
        sets = len(self._enough) if self._start is None else len(self._start)
        return Farther(self._model), {"target": self._target.expand(sets, -1), "tolerance": self._enough.expand(sets)}

    @property
    @torch.no_grad()
    def errors(self) -> Float[Tensor, "batch n"]:
        """Relative representation error of every metamer."""
        excess, data = self._excess()
        n, x = self._blank.shape[1], self._stimulus.flatten(0, 1)
        value = excess(x, **{k: v.repeat_interleave(n, 0) for k, v in data.items()}, slack=x.new_ones(1))
        return (2 * value + 1).clamp(min=0).sqrt().reshape(-1, n) * data["tolerance"][:, None]

    @property
    def tolerance(self) -> Float[Tensor, " batch"]:
        """The relative error that every metamer of a set is to keep."""
        return self._excess()[1]["tolerance"]

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        quality, meaning = self._quality()
        worst = {"worst_error": self.errors.amax(1), "tolerance": self.tolerance}
        return {**worst, **self._spread_figures(), **quality}, {
            "worst_error": "largest |f(x) - f(image)| / |f(image)| in the set",
            "tolerance": "of these errors",
            "independent_distance": "mean distance of single metamers from as many seeds",
            **meaning,
        }

    def _settings(self) -> dict[str, Any]:
        settings = {"image": self._image, "model": self._model, "n": self._blank.shape[1]}
        return {
            **settings,
            "tolerance": self._tolerance,
            "spreading": self._spreading,
            "constraint": self._constraint,
            "measure": self._measure,
            "embed": self._embed,
        }
