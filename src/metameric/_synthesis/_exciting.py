"""Most and least exciting inputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import name_of
from metameric._core.counts import count
from metameric._core.errors import InputError, ModelError, StateError
from metameric._core.random import STARTS_APART, uniform
from metameric._core.types import Number
from metameric._objective._composed import Change, Transform
from metameric._objective._exciting import Penalised
from metameric._solve._constraint import FREE, Box, Constraint
from metameric._solve._solver import Solver
from metameric._solve._sphere import ContrastSphere, FixedPixels
from metameric._solve._stop import Flat, Halving, Stop
from metameric._solve._together import Intersection
from metameric._synthesis._kicked import Kicked
from metameric._synthesis._result import SynthesisResult, uninterrupted
from metameric.validate._probe import check, probe

TRIAL = 5
"""Iterations after which the worse half of several starts is dropped; then after twice as many, and so on."""


class MostExcitingInput(Kicked):
    """Find stimuli that drive a response as far as stimuli of their mean and contrast can (Walker et al. 2019).

    The set of given mean and contrast is a sphere, on which L-BFGS moves without ever leaving it.

    Parameters
    ----------
    response
        Callable from stimuli (batch, ...) to one value for each, (batch,), such as `UnitResponse`.
    image_shape
        Shape of the stimuli, (batch, ...); batch entries start from different noise.
    mean, std
        Mean and standard deviation of every stimulus (of the population, not the unbiased one). None leaves the mean,
        or both, free.
    allowed_range
        Lowest and highest value; None allows any.
    mask
        True where mean and contrast are measured, broadcastable to a stimulus; all else is held at `mean`.
    least
        Find the least exciting input instead.
    constraint
        Another constraint, in place of the four before.
    penalty_function, penalty_lambda
        Callable of a stimulus giving one number, and what it costs.
    data, parametrization, transforms, precondition, dtype, device
        As for `Synthesis`.

    Raises
    ------
    ValueError
        If the response is not (batch,), or no stimulus can have this mean and contrast within this range.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> w = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    >>> mei = mm.MostExcitingInput(lambda x: (w * x).sum((1, 2, 3)), (1, 1, 16, 16), mean=0.0, std=1.0)
    >>> result = mei.synthesize(progress=False)
    >>> best = (w - w.mean()) / w.std(correction=0)
    >>> torch.allclose(mei.stimulus[0, 0], best, atol=1e-2)
    True
    """

    _bar = ("response",)
    _maximise = True
    _stored = (*Kicked._stored, "_trials")

    def __init__(
        self,
        response: Callable[..., Tensor],
        image_shape: Sequence[int],
        *,
        mean: Number | None = 0.5,
        std: Number | None = 0.2,
        allowed_range: tuple[Number, Number] | None = None,
        mask: Tensor | None = None,
        least: bool = False,
        constraint: Constraint | None = None,
        penalty_function: Callable[..., Tensor] | None = None,
        penalty_lambda: Number = 0.1,
        data: Mapping[str, Tensor] | None = None,
        parametrization: Change | None = None,
        transforms: Sequence[Transform] = (),
        precondition: Change | None = None,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        self._response, self._least, self._n_starts = response, least, 1
        self._trials: Tensor | None = None
        self._penalty_function, self._penalty_lambda = penalty_function, penalty_lambda
        super().__init__(
            Penalised(response, -1.0 if least else 1.0, penalty_function, penalty_lambda),
            image_shape,
            data=data,
            constraint=constraint or contrast_constraint(mean, std, allowed_range, mask),
            parametrization=parametrization,
            transforms=transforms,
            precondition=precondition,
            dtype=dtype,
            device=device,
        )
        self._check_response()

    def _check_response(self) -> None:
        data = {name: value[:1] for name, value in self._data.items()}
        noise = self._constraint.move(uniform([0], self._blank[:1]), torch.zeros_like(self._blank[:1]))
        found = check(probe(self._response, noise, data))
        if found.shape != (1,):
            raise ModelError(
                f"{name_of(self._response)} returned shape {tuple(found.shape)} for one stimulus; expected (1,), one "
                "value for each stimulus (mm.UnitResponse picks a unit, a channel or a layer of a model)."
            )

    # Start ----------------------------------------------------------------------------------------------------------

    def setup(
        self,
        initial_image: Tensor | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        n_starts: int = 1,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> None:
        """Choose start and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_image, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver, seed
            As for `Synthesis`.
        n_starts
            Noise images tried for each stimulus: after 5, 10, 20, ... iterations the worse half is dropped, until the
            best is left. Deep networks have many local maxima. Not with an initial image.
        """
        n_starts = count("n_starts", n_starts, 1, "starts")
        if n_starts > 1 and initial_image is not None:
            raise InputError(f"n_starts is {n_starts} and an initial_image is given; expected one of the two.")
        self._n_starts = n_starts
        super().setup(initial_image, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver=solver, seed=seed)

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        n = self._n_starts
        if n == 1:
            return super()._encoded(image, seeds)
        settings = self._settings()
        shape = (len(seeds) * n, *self._blank.shape[1:])
        data = {name: settings.pop(f"data_{name}") for name in self._data}
        data = {k: v.expand(len(seeds), *v.shape[1:]).repeat_interleave(n, 0) for k, v in data.items()}
        placed = {"image_shape": shape, "dtype": self._blank.dtype, "device": self._blank.device}
        several = MostExcitingInput(**{**settings, **placed, "data": data, "precondition": None})
        several.setup(seed=[seed + STARTS_APART * i for seed in seeds for i in range(n)])
        halving = Halving(n, TRIAL)
        uninterrupted(several.synthesize(halving.most_iterations(), stop=halving, progress=False))
        found = several._run
        if found is None:
            raise StateError("the trials of several starts have no result.")
        total = torch.nan_to_num(found.point.total, nan=torch.inf).reshape(-1, n)
        best = total.masked_fill(~halving.left(found.trace), torch.inf).argmin(1)
        self._trials = found.counts.reshape(-1, n).sum(1)
        return found.x.reshape(-1, n, *found.x.shape[1:])[torch.arange(len(seeds), device=best.device), best]

    def _minimise(self, max_iter: int, store_progress: bool | int | None, stop: Stop, *rest: Any) -> SynthesisResult:
        # Silence is what the least exciting input is to bring about.
        stop = stop if self._least else Flat() | stop
        return super()._minimise(max_iter, store_progress, stop, *rest)

    # Reading --------------------------------------------------------------------------------------------------------

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        run = self._run
        if run is None:
            raise StateError("there is no result yet; call synthesize() first.")
        parts = run.point.parts
        if self._kept is not None:
            with torch.no_grad():
                parts = self._objective()(self._best(run)[0]).parts
        figures = {"response": parts["response"], "initial_response": self._column("response")[0]}
        if self._penalty_function is not None:
            figures["penalty"] = parts["penalty"]
        quality, meaning = self._quality()
        if "changes" in run.trace:
            quality["climbs"] = run.trace.last("changes") + 1
            meaning["climbs"] = "to a maximum each; the best counts"
        if self._trials is not None:
            quality["trial_evaluations"] = self._trials
            meaning["trial_evaluations"] = "spent on the choice among several starts"
        return {**figures, **quality}, {"response": name_of(self._response), **meaning}

    def _series(self) -> dict[str, Tensor]:
        return {**super()._series(), "responses": self.responses}

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        del settings["objective"]
        return {
            "response": self._response,
            "least": self._least,
            "penalty_function": self._penalty_function,
            "penalty_lambda": self._penalty_lambda,
            **settings,
        }

    @torch.no_grad()
    def _behaviour(self) -> dict[str, Tensor]:
        known = super()._behaviour()
        known["response"] = known.pop("objective")
        return known

    @property
    def response(self) -> Callable[..., Tensor]:
        """The response."""
        return self._response

    @property
    def responses(self) -> Tensor:
        """Response at every iteration, (iterations + 1, batch)."""
        return self._column("response")


def contrast_constraint(
    mean: Number | None, std: Number | None, allowed_range: tuple[Number, Number] | None, mask: Tensor | None
) -> Constraint:
    """Return the set of stimuli with a mean and a contrast, within a range; `mask` as in `MostExcitingInput`."""
    if std is not None and not std > 0:
        raise InputError(f"std is {std}; expected more than 0, or None.")
    members: list[Constraint] = [] if std is None else [ContrastSphere(mean, std, mask)]
    if allowed_range is not None:
        low, high = allowed_range
        if not low < high:
            raise InputError(f"allowed_range is {allowed_range}; expected (low, high) with low < high.")
        if mean is not None and std is not None and not std**2 <= (mean - low) * (high - mean):
            raise InputError(
                f"no stimulus within [{low:g}, {high:g}] has mean {mean:g} and standard deviation {std:g}; expected at "
                f"most {max(0.0, (mean - low) * (high - mean)) ** 0.5:.3g} for that mean."
            )
        if std is not None and not std <= (high - low) / 2:
            raise InputError(
                f"no stimulus within [{low:g}, {high:g}] has standard deviation {std:g}; expected at most "
                f"{(high - low) / 2:.3g}."
            )
        members.append(Box(low, high))
    if mask is not None:
        members.append(FixedPixels(~mask.bool(), 0.0 if mean is None else mean))
    if not members:
        return FREE
    return members[0] if len(members) == 1 and std is not None else Intersection(*members)
