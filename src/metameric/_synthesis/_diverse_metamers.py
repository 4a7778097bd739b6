"""Metamers of one stimulus that are as different from one another as metamers can be."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.types import Number
from metameric._objective._diverse import Farther
from metameric._objective._jacobian import flatten_response
from metameric._solve._constraint import FREE, Box, Constraint
from metameric._solve._multipliers import Multipliers
from metameric._solve._schedule import Schedule
from metameric._solve._together import PerMember
from metameric._synthesis._diverse import DiverseSynthesis, check_n
from metameric._synthesis._metamer import Metamer
from metameric.validate._probe import check, probe
from metameric.validate._stimulus import validate_input


class DiverseMetamers(DiverseSynthesis):
    """Find `n` metamers of a stimulus that are as far apart as metamers can be.

    First `n` single metamers are found from noise. Then the distance between them is maximised while the relative
    representation error of each stays within `tolerance`, by an augmented Lagrangian.

    Parameters
    ----------
    image
        Target stimuli, (batch, ...); each has a set of its own.
    model
        Differentiable callable from (batch, ...) to a tensor (batch, ...).
    n
        Metamers in a set.
    tolerance
        Largest relative representation error, ``|f(x) - f(image)| / |f(image)|``.
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
    >>> result = metamers.synthesize(60, progress=False)
    >>> bool(result.figures["mean_distance"] > 1.2 * result.figures["independent_distance"])
    True
    """

    def __init__(
        self,
        image: Tensor,
        model: Callable[..., Tensor],
        n: int,
        tolerance: Number = 1e-3,
        *,
        allowed_range: tuple[Number, Number] | None = (0.0, 1.0),
        constraint: Constraint | None = None,
        measure: str = "mean",
        embed: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        validate_input(image)
        check_n(n)
        if not tolerance > 0:
            raise InputError(f"tolerance is {tolerance}; expected more than 0.")
        target = check(probe(model, image))
        self._single = constraint or (FREE if allowed_range is None else Box(*allowed_range))
        shape = (image.shape[0], n, *image.shape[1:])
        chosen = PerMember(self._single)
        super().__init__(model, shape, constraint=chosen, dtype=image.dtype, device=image.device)
        self._image, self._model, self._tolerance = image.detach(), model, tolerance
        self._target = flatten_response(target)
        self._begin(embed, measure)

    def _encoded(self, image: Tensor | None) -> Tensor:
        start = self._noise(image)
        n = self._blank.shape[1]
        if len(self._seeds or []) != self._image.shape[0]:
            self._image = self._image.expand(len(self._seeds or []), *self._image.shape[1:])
            self._target = self._target.expand(len(self._image), -1)
        single = Metamer(self._image.repeat_interleave(n, 0), self._model, penalty_lambda=0.0)
        single.setup(start, constraint=self._single)
        single.synthesize(tolerance=float(self._tolerance), progress=False)
        return single.metamer.reshape(-1, *self._blank.shape[1:])

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        return Multipliers(self._blank.shape[1], slack=max(1.0, 0.1 / float(self._tolerance)))

    def _excess(self) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
        tolerance = torch.full_like(self._target[:, 0], float(self._tolerance))
        return Farther(self._model), {"target": self._target, "tolerance": tolerance}

    @property
    @torch.no_grad()
    def errors(self) -> Float[Tensor, "batch n"]:
        """Relative representation error of every metamer."""
        excess, data = self._excess()
        n = self._blank.shape[1]
        x = self._stimulus.flatten(0, 1)
        value = excess(x, **{k: v.repeat_interleave(n, 0) for k, v in data.items()}, slack=x.new_ones(1))
        return (2 * value + 1).clamp(min=0).sqrt().reshape(-1, n) * self._tolerance

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        quality, meaning = self._quality()
        return {"worst_error": self.errors.amax(1), **self._spread_figures(), **quality}, {
            "worst_error": "largest |f(x) - f(image)| / |f(image)| in the set",
            "independent_distance": "mean distance of single metamers from as many seeds",
            **meaning,
        }

    def _settings(self) -> dict[str, Any]:
        settings = {"image": self._image, "model": self._model, "n": self._blank.shape[1]}
        return {
            **settings,
            "tolerance": self._tolerance,
            "constraint": self._constraint,
            "measure": self._measure,
            "embed": self._embed,
        }
