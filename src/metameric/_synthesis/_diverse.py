"""Sets of stimuli, all good and as far apart as possible: what they share, and diverse exciting inputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.counts import count
from metameric._core.errors import InputError
from metameric._core.random import problem_seeds, uniform
from metameric._core.tensors import norm, rows, spread
from metameric._core.types import Number
from metameric._objective._diverse import Diverse, Weaker, pairwise_distances
from metameric._objective._jacobian import flatten_response
from metameric._solve._constraint import Constraint
from metameric._solve._multipliers import Exhausted, Multipliers
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Solver
from metameric._solve._status import Status
from metameric._solve._stop import Plateau, Stationary, Stop
from metameric._solve._together import PerMember
from metameric._synthesis._exciting import MostExcitingInput, contrast_constraint
from metameric._synthesis._panels import SetSynthesis
from metameric._synthesis._result import uninterrupted
from metameric.validate._stimulus import validate_input

HALVINGS, POOR = 10, 1e-3
"""How often members in poorer maxima are brought nearer to the best, and by how much they then fall short, at least."""
MEMBERS_APART = 1_000_003
"""Between the seeds of two sets: those of their members do not overlap."""


class DiverseSynthesis(SetSynthesis):
    """Base: `n` stimuli per problem, each good enough, with the largest mean (or smallest) distance between them."""

    _bar = ("spread", "worst")
    _curves = ("spread", "distance")
    _stored = (*SetSynthesis._stored, "_unit")

    def _begin(self, embed: Callable[[Tensor], Tensor] | None, measure: str) -> None:
        if measure not in ("mean", "min"):
            raise InputError(f"measure is {measure!r}; expected 'mean' or 'min'.")
        self._embed, self._measure = embed, measure
        self._unit: Tensor | None = None

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
        """Choose start and solver, as for `Synthesis`.

        Each member of the set begins as a single synthesis of its own, run here from noise of its own (or from
        `initial_image`, (batch, n, ...)), so that the set starts from what independent seeds give.
        """
        super().setup(initial_image, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver=solver, seed=seed)
        if self._unit is None and self._start is not None:
            distances = self._distances_of(self._start)
            typical = norm(rows(self._start) - rows(self._start).mean(1, keepdim=True)) / self._start.shape[1] ** 0.5
            self._unit = torch.maximum(_mean_distance(distances), 1e-3 * typical)

    def _noise(self, image: Tensor | None) -> Tensor:
        """Return where the members begin before they are made good, (batch * n, ...)."""
        shape = (len(self._seeds or []), *self._blank.shape[1:])
        if image is not None:
            if image.shape != shape:
                raise InputError(f"initial_image has shape {tuple(image.shape)}; expected {shape}.")
            validate_input(image)
            return image.detach().to(self._blank).flatten(0, 1)
        seeds = [s for seed in self._seeds or [] for s in problem_seeds(MEMBERS_APART * seed, shape[1])]
        like = self._blank[:1, :1].expand(*shape[:2], *shape[2:]).flatten(0, 1)
        return uniform(seeds, like)

    def _excess(self) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
        """Return what must not be above zero, and its data per problem."""
        raise NotImplementedError

    def _base(self) -> Diverse:
        excess, data = self._excess()
        batch, n = self._start.shape[:2] if self._start is not None else self._blank.shape[:2]
        unit = self._blank.new_ones(batch) if self._unit is None else self._unit
        zeros = self._blank.new_zeros(batch, n)
        one = self._blank.new_ones(batch)
        return Diverse(excess, data, self._embed, self._measure, unit, zeros, one, one, 0 * one)

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        return Multipliers(self._blank.shape[1])

    def _stop(self, window: int) -> Stop:
        # What is left of a distance is the square of what is left of its gradient: sets need a finer rule than images.
        finest = max(1e-5, 1e3 * torch.finfo(self._blank.dtype).eps)
        settled = Stationary(finest) | Plateau(1e-7, window, status=Status.CONVERGED)
        return Exhausted(Multipliers.most) | settled

    @torch.no_grad()
    def _distances_of(self, sets: Tensor) -> Tensor:
        flat = sets.flatten(0, 1)
        points = rows(flat) if self._embed is None else flatten_response(self._embed(flat))
        return pairwise_distances(points.reshape(*sets.shape[:2], -1))

    @property
    def distances(self) -> Float[Tensor, "batch n n"]:
        """Distances between the members of each set."""
        return self._distances_of(self._stimulus)

    @property
    def independent_distances(self) -> Float[Tensor, "batch n n"]:
        """Distances between the single syntheses from which each set began."""
        return self._distances_of(torch.empty(0) if self._start is None else self._start)

    def _spread_figures(self) -> dict[str, Tensor]:
        now = self.distances
        off = ~torch.eye(now.shape[1], dtype=torch.bool, device=now.device)
        return {
            "mean_distance": _mean_distance(now),
            "least_distance": now[:, off].amin(1),
            "independent_distance": _mean_distance(self.independent_distances),
        }

    def _behaviour(self) -> dict[str, Tensor]:
        return {}


class DiverseExcitingInputs(DiverseSynthesis):
    """Find `n` stimuli that all excite a unit nearly as much as can be, as far apart as possible (Cadena et al. 2018).

    First the most exciting input is found from each of `n` noise images; the best response counts, and those in far
    poorer maxima are brought near it. Then the distance between them is maximised while each keeps `fraction` of that
    response, by an augmented Lagrangian.

    Parameters
    ----------
    response, image_shape, mean, std, allowed_range, mask, constraint, dtype, device
        As for `MostExcitingInput`; every batch entry is a set.
    n
        Stimuli in a set.
    fraction
        Of the response of the most exciting input, for each stimulus; where that is negative, each may fall short of it
        by ``1 - fraction`` of its size.
    measure
        ``"mean"`` or ``"min"`` of the distances.
    embed
        Measure distances in this representation; in pixels by default.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> energy = lambda x: (x[:, :2] ** 2).sum(1)
    >>> diverse = mm.DiverseExcitingInputs(energy, (1, 4), 3, constraint=mm.NormSphere(1.0), fraction=1.0)
    >>> result = diverse.synthesize(progress=False)
    >>> bool((diverse.distances[0, 0, 1:] - 3**0.5).abs().max() < 0.02)  # an equilateral triangle
    True
    """

    _stored = (*DiverseSynthesis._stored, "_best", "_scale")

    def __init__(
        self,
        response: Callable[..., Tensor],
        image_shape: Sequence[int],
        n: int,
        fraction: Number = 0.85,
        *,
        mean: Number | None = 0.5,
        std: Number | None = 0.2,
        allowed_range: tuple[Number, Number] | None = None,
        mask: Tensor | None = None,
        constraint: Constraint | None = None,
        measure: str = "mean",
        embed: Callable[[Tensor], Tensor] | None = None,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        n = check_n(n)
        self._single = constraint or contrast_constraint(mean, std, allowed_range, mask)
        batch, *shape = image_shape
        super().__init__(response, (batch, n, *shape), constraint=PerMember(self._single), dtype=dtype, device=device)
        self._response, self._fraction = response, fraction
        self._best: Tensor | None = None
        self._scale: Tensor | None = None
        self._begin(embed, measure)
        self._mei((1, *shape))

    def _mei(self, shape: Sequence[int]) -> MostExcitingInput:
        options = {"constraint": self._single, "dtype": self._blank.dtype, "device": self._blank.device}
        return MostExcitingInput(self._response, tuple(shape), **options)  # type: ignore[arg-type]

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        start = self._noise(image)
        mei = self._mei(start.shape)
        mei.setup(start)
        figures = uninterrupted(mei.synthesize(progress=False)).figures
        first, last = (figures[name].reshape(-1, self._blank.shape[1]) for name in ("initial_response", "response"))
        self._best = last.amax(1)
        # A best response of next to nothing is no unit for others.
        scale = torch.maximum(self._best.abs(), 0.1 * (self._best - first.amin(1)))
        self._scale = torch.where(scale > 0, scale, 1)
        return self._raised(mei.stimulus.reshape(-1, *self._blank.shape[1:]), last)

    @torch.no_grad()
    def _raised(self, members: Tensor, responses: Tensor) -> Tensor:
        """Bring members from poorer maxima, from which no path leads up, halfway to the best one, and again."""
        best = members[torch.arange(len(members), device=members.device), responses.argmax(1)].unsqueeze(1)
        data = {name: value.unsqueeze(1) for name, value in self._excess()[1].items()}
        for _ in range(HALVINGS):
            poor = (data["least"] - responses) / data["unit"] > POOR
            if not bool(poor.any()):
                break
            flat = members.flatten(0, 1)
            halfway = self._single.move(((members + best) / 2).flatten(0, 1), torch.zeros_like(flat))
            members = torch.where(spread(poor.flatten(), flat), halfway, flat).reshape(members.shape)
            responses = self._response(members.flatten(0, 1)).reshape(responses.shape)
        return members

    def _excess(self) -> tuple[Callable[..., Tensor], dict[str, Tensor]]:
        best = self._blank.new_zeros(1) if self._best is None else self._best
        unit = best.abs() if self._scale is None else self._scale
        return Weaker(self._response), {"least": best - (1 - self._fraction) * best.abs(), "unit": unit}

    @torch.no_grad()
    def _responses(self) -> Tensor:
        return self._response(self._stimulus.flatten(0, 1)).reshape(self._stimulus.shape[:2])

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        best = self._blank.new_zeros(1) if self._best is None else self._best
        short = (best - self._responses().amin(1)) / best.abs().clamp(min=torch.finfo(best.dtype).tiny)
        figures = {"best_response": best, "weakest_of_best": 1 - short}
        quality, meaning = self._quality()
        return {**figures, **self._spread_figures(), **quality}, {
            "best_response": "of the most exciting input",
            "weakest_of_best": "response of the weakest member over that; 1 less the fraction that it falls short",
            "independent_distance": "mean distance of the most exciting inputs from as many seeds, where all are good",
            **meaning,
        }

    def _settings(self) -> dict[str, Any]:
        settings = {"response": self._response, "image_shape": self._blank, "fraction": self._fraction}
        return {**settings, "constraint": self._constraint, "measure": self._measure, "embed": self._embed}


def check_n(n: int) -> int:
    """Refuse a set of fewer than two."""
    return count("n", n, 2, "stimuli")


def _mean_distance(distances: Tensor) -> Tensor:
    k = distances.shape[1]
    return distances.sum((1, 2)) / (k * (k - 1))
