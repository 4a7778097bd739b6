"""Geodesics: the straightest way from one stimulus to another, as a model represents it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.batched import each
from metameric._core.counts import count
from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, Panel
from metameric._core.random import normal
from metameric._core.tensors import norm, spread
from metameric._core.types import Number
from metameric._objective._jacobian import flatten_response
from metameric._objective._path import Bisection, Path, deviation_from_line
from metameric._objective._staged import Staged
from metameric._solve._coarse_to_fine import CoarseToFine
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Solver
from metameric._solve._status import Status
from metameric._solve._stop import Below, Plateau, Stationary, Stop
from metameric._synthesis._panels import SetSynthesis
from metameric.validate._functions import validate_penalty
from metameric.validate._models import validate_coarse_to_fine
from metameric.validate._probe import check, probe
from metameric.validate._stimulus import validate_input

WEIGHTS = (1.0, 0.1, 1e-2, 1e-3, 1e-4)
"""Weights of the pixel energy on the way to a conditional geodesic: its error is proportional to the last one."""


class Geodesic(SetSynthesis):
    """Find the sequence of stimuli whose representation goes the straightest way (Hénaff & Simoncelli 2016).

    Minimises ``E = sum_t |f(x(t+1)) - f(x(t))|**2`` between fixed ends. Since ``E >= |f(b) - f(a)|**2 / n_steps``,
    the gap ``n_steps * E / |f(b) - f(a)|**2`` is a certificate: at 1 no path is better. It may be out of reach.

    Parameters
    ----------
    image_a, image_b
        The ends, (batch, ...).
    model
        Differentiable callable from (batch, ...) to a tensor (batch, ...).
    n_steps
        Steps of the path, at least 2.
    conditional
        Of all such sequences take the one that is shortest in pixels, where the model leaves a choice.
    coarse_to_fine
        ``"time"``: begin with few frames and put others between them. ``"time and scale"``: before that, match few
        scales of a model that takes ``model(x, scales=[...])``. None: all at once.
    penalty_function, penalty_lambda
        Callable of a stimulus giving one number, and what it costs, summed over the frames.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> geodesic = mm.Geodesic(a, b, mm.problems.PolarModel(), n_steps=4)
    >>> result = geodesic.synthesize(progress=False)
    >>> torch.allclose(geodesic.geodesic.norm(dim=1), torch.tensor([1.0, 1.25, 1.5, 1.75, 2.0]), atol=1e-3)
    True
    >>> round(float(geodesic.optimality_gap), 4)
    1.0
    """

    stimulus_name = "geodesic"
    _bar = ("gap", "total")
    _curves = ("total", "representation_energy")

    def __init__(
        self,
        image_a: Tensor,
        image_b: Tensor,
        model: Callable[..., Tensor],
        n_steps: int = 10,
        *,
        conditional: bool = False,
        coarse_to_fine: str | None = "time",
        penalty_function: Callable[..., Tensor] | None = None,
        penalty_lambda: Number = 0.1,
    ) -> None:
        validate_input(image_a)
        validate_input(image_b)
        if image_a.shape != image_b.shape or image_a.dtype != image_b.dtype:
            raise InputError(
                f"image_a is {tuple(image_a.shape)}, {image_a.dtype}, and image_b {tuple(image_b.shape)}, "
                f"{image_b.dtype}; expected two of the same."
            )
        n_steps = count("n_steps", n_steps, 2)
        if coarse_to_fine not in ("time", "time and scale", None):
            raise InputError(f"coarse_to_fine is {coarse_to_fine!r}; expected 'time', 'time and scale' or None.")
        if bool((norm(image_a - image_b) == 0).any()):
            raise InputError("image_a and image_b are equal; expected two different stimuli.")
        check(probe(model, image_a))
        if coarse_to_fine == "time and scale":
            validate_coarse_to_fine(model, image_a.shape, image_a.device, image_dtype=image_a.dtype)
        if penalty_function is not None:
            validate_penalty(penalty_function, image_a.shape, image_a.dtype, image_a.device)
        shape = (image_a.shape[0], n_steps - 1, *image_a.shape[1:])
        super().__init__(model, shape, dtype=image_a.dtype, device=image_a.device)
        self._image_a, self._image_b, self._model = image_a.detach(), image_b.detach().to(image_a), model
        self._n_steps, self._conditional, self._coarse_to_fine = n_steps, conditional, coarse_to_fine
        self._penalty_function, self._penalty_lambda = penalty_function, penalty_lambda

    # Start ----------------------------------------------------------------------------------------------------------

    def setup(
        self,
        initial_sequence: Tensor | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        initial_noise: Number = 0.0,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> None:
        """Choose start and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_sequence
            Where to start, as `stimulus`, (batch, n_steps + 1, ...); the pixel fade by default.
        optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver
            As for `Synthesis`.
        initial_noise
            Add a Brownian bridge to the start whose standard deviation is this half-way.
        seed
            Of that noise, 0 by default.
        """
        self._initial_noise = initial_noise
        seed = 0 if seed is None and self._start is None else seed
        super().setup(
            initial_sequence, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver=solver, seed=seed
        )

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        start = torch.zeros(self._blank.shape).to(self._blank)
        if image is not None:
            expected = self._decode(start).shape
            if image.shape != expected:
                raise InputError(f"initial_sequence has shape {tuple(image.shape)}; expected {tuple(expected)}.")
            validate_input(image)
            start = self._basis.coordinates(image.detach().to(start))
        if self._initial_noise:
            bridge = normal(seeds, start)
            start = start + spread(2 * self._initial_noise / norm(self._image_b - self._image_a), start) * bridge
        return start

    def _choose_schedule(self, first_order: bool) -> Schedule | None:
        return CoarseToFine(len(self._stages()), 1e-2, 5, enough=None)

    def _stop(self, window: int) -> Stop:
        # Objective and coordinates are pure numbers of order one: a gradient of the order of rounding is none.
        flat = Below("gradient_norm", 100 * torch.finfo(self._blank.dtype).eps) | Stationary(1e-5)
        return flat | Plateau(1e-5, window, status=Status.CONVERGED)

    # Parts of the problem -------------------------------------------------------------------------------------------

    @property
    def _basis(self) -> Bisection:
        return Bisection.of(self._n_steps, self._image_a)

    @property
    def _ends(self) -> Tensor:
        return torch.stack([self._image_a, self._image_b], 1)

    def _base(self) -> Staged:
        first = torch.zeros(self._blank.shape[0], dtype=torch.long, device=self._blank.device)
        return Staged(self._stages(), first)

    def _stages(self) -> tuple[Path, ...]:
        weights = WEIGHTS if self._conditional else (0.0,)
        last = max(self._basis.levels)
        stages = []
        if self._coarse_to_fine == "time and scale":
            scales = list(self._model.scales)  # type: ignore[attr-defined]
            stages += [self._path(0, weights[0], {"scales": scales[: i + 1]}) for i in range(len(scales) - 1)]
        if self._coarse_to_fine is not None:
            stages += [self._path(level, weights[0]) for level in range(last)]
        return (*stages, *(self._path(last, weight) for weight in weights))

    def _path(self, level: int, weight: float, options: Mapping[str, Any] | None = None) -> Path:
        options = options or {}
        with torch.no_grad():
            ends = flatten_response(self._model(self._ends.flatten(0, 1), **options))
            ends = ends.reshape(self._ends.shape[0], 2, -1)
        penalty = None if self._penalty_function is None else each(self._penalty_function)
        one = torch.ones_like(ends[:, 0, 0])
        parts = (self._model, self._basis, self._ends, ends)
        rest = (weight, penalty, float(self._penalty_lambda), options)
        with torch.no_grad():
            fade = Path(*parts, one, level, *rest)(torch.zeros(self._blank.shape).to(self._blank))
        scale = fade.parts["representation_energy"]
        return Path(*parts, torch.where(scale > 0, scale, one), level, *rest)

    def _decode(self, x: Tensor) -> Tensor:
        return self._basis.frames(self._ends.to(x), x)

    # Reading --------------------------------------------------------------------------------------------------------

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        coordinates = self._start if self._run is None else self._run.x
        figures = {name: self._column(name)[-1] for name in ("gap", "excess", "representation_energy", "pixel_energy")}
        figures["jerkiness"] = self._stages()[-1].jerkiness(coordinates)  # type: ignore[arg-type]
        quality, meaning = self._quality()
        return {**figures, **quality}, {
            "gap": "energy over the least that the ends allow: 1 proves that no path is better",
            "excess": "energy above that bound: 0 at the bound, 1 for the pixel fade",
            "pixel_energy": "sum of squared steps in pixels",
            "jerkiness": "acceleration that the model could still undo; 0 along geodesics",
            **meaning,
        }

    def _more_panels(self, stimulus: Tensor, batch_idx: int) -> Sequence[Panel]:
        fade = self._decode(torch.zeros(self._blank.shape).to(self._blank))[batch_idx].cpu()
        paths = {"geodesic": stimulus, "pixel fade": fade}
        device = self._image_a.device
        off = {k: deviation_from_line(v.to(device), self._model)[1].detach().cpu() for k, v in paths.items()}
        title = "Off the straight line in the representation"
        return [CurvesPanel("geodesic_deviation", off, title, "Frame", "Distance / length", log=False)]

    def _title(self, member: int) -> str:
        return f"frame {member}"

    def _settings(self) -> dict[str, Any]:
        return {
            "image_a": self._image_a,
            "image_b": self._image_b,
            "model": self._model,
            "n_steps": self._n_steps,
            "conditional": self._conditional,
            "coarse_to_fine": self._coarse_to_fine,
            "penalty_function": self._penalty_function,
            "penalty_lambda": self._penalty_lambda,
        }

    def _behaviour(self) -> dict[str, Tensor]:
        return {}

    @property
    def geodesic(self) -> Tensor:
        """The sequence, (n_steps + 1, ...), for several pairs (batch, n_steps + 1, ...); empty before `setup`."""
        return self._stimulus[0] if self._stimulus.shape[0] == 1 else self._stimulus

    @property
    def pixelfade(self) -> Tensor:
        """The straight line in pixels, of the same shape as `geodesic`."""
        fade = self._decode(torch.zeros(self._blank.shape).to(self._blank))
        return fade[0] if fade.shape[0] == 1 else fade

    @property
    def saved_geodesic(self) -> Tensor:
        """Sequences stored on the way, (stored, batch, n_steps + 1, ...)."""
        return self._saved

    @property
    def optimality_gap(self) -> Float[Tensor, " batch"]:
        """Representational energy over the least that the ends allow, at least 1; infinite where they are metamers."""
        return self._column("gap")[-1]
