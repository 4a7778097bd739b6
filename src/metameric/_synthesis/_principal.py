"""Principal distortions: the changes of an image about whose visibility several models disagree the most."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.counts import whole
from metameric._core.errors import InputError
from metameric._core.panels import CurvesPanel, Panel
from metameric._core.random import STARTS_APART, normal
from metameric._core.types import Number
from metameric._objective._fisher import FisherInformation
from metameric._objective._principal import Separation
from metameric._solve._eigen_start import RoughInverse
from metameric._solve._loop import CUT_SHORT
from metameric._solve._observe import Observer
from metameric._solve._pencil import extreme_ratios
from metameric._solve._solver import Solver
from metameric._solve._status import Status
from metameric._solve._stop import Below, Plateau, Stationary, Stop
from metameric._synthesis._panels import SetSynthesis
from metameric._synthesis._result import SynthesisResult
from metameric.validate._probe import check, probe
from metameric.validate._stimulus import validate_input

PAIRS_SHOWN = 3
"""Pairs shown in one figure."""
LARGEST_DENSE = 1024
"""Elements of an image up to which generalised eigenproblems are solved outright."""


class PrincipalDistortions(SetSynthesis):
    """Find pairs of distortions that separate models the best (Feather, Lipshutz, Harvey, Williams & Simoncelli 2025).

    With ``s_n = log a'F_n a - log b'F_n b`` for model n of Fisher information F_n, maximises the variance of s_n over
    the models: some find distortion a more visible than b, others the reverse. For two models the optimum is known:
    the extreme generalised eigenvectors of F_1 and F_2, and a quarter of the squared logarithm of their ratio.

    Parameters
    ----------
    image
        A single stimulus, (1, ...).
    models
        Two or more differentiable callables from (batch, ...) to a tensor (batch, ...). Their scales do not matter.
    ridge
        Added to the diagonal of F, for all models or for each: what an observer would see of any distortion. Needed
        where a model is blind to some of them, for which the variance has no bound.

    Raises
    ------
    ValueError
        If a model has fewer responses than the stimulus has elements, and no ridge.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> models = [mm.problems.EllipseModel(0.0, (4.0, 1.0)), mm.problems.EllipseModel(0.0, (1.0, 1.0))]
    >>> principal = mm.PrincipalDistortions(torch.zeros(1, 2), models)
    >>> result = principal.synthesize(progress=False)
    >>> principal.variance, torch.tensor(4.0).log() ** 2 / 4
    (tensor([0.4805]), tensor(0.4805))
    """

    stimulus_name = "distortions"
    _bar = ("variance",)
    _curves = ("variance",)
    _signed = True
    _stored = (*SetSynthesis._stored, "_found", "_found_variance")

    def __init__(
        self, image: Tensor, models: Sequence[Callable[..., Tensor]], ridge: Number | Sequence[Number] = 0.0
    ) -> None:
        validate_input(image, no_batch=True)
        models = list(models)
        if not models:
            raise InputError("models is empty; expected at least two models to compare.")
        ridges = [float(r) for r in ridge] if isinstance(ridge, Sequence) else [float(ridge)] * len(models)
        if len(ridges) != len(models) or not min(ridges) >= 0:
            raise InputError(
                f"ridge is {ridge}; expected a number, 0 or more, or one for each of {len(models)} models."
            )
        for model in models:
            check(probe(model, image))
        super().__init__(models[0], (1, 2, *image.shape[1:]), dtype=image.dtype, device=image.device)
        self._image, self._models, self._ridge = image.detach(), models, ridges
        self._cache: tuple[Tensor, tuple[FisherInformation, ...]] | None = None
        self._found = torch.empty(0, 2, *image.shape[1:]).to(image)
        self._found_variance = torch.empty(0).to(image)
        for fisher, r in zip(self._fishers, ridges, strict=True):
            if r == 0 and fisher.response_size < image.numel():
                raise InputError(
                    f"{fisher.model} has {fisher.response_size} responses to {image.numel()} elements, so that it is "
                    "blind to some distortions and the variance has no bound; give a ridge, for instance 1e-3 times "
                    "the largest eigenvalue of its Fisher information (mm.Eigendistortion finds it)."
                )

    def __getstate__(self) -> dict[str, Any]:
        # Graphs can neither be copied nor pickled.
        return {**vars(self), "_cache": None}

    # Start ----------------------------------------------------------------------------------------------------------

    def setup(
        self,
        initial_distortions: Tensor | None = None,
        optimizer: Any = None,
        optimizer_kwargs: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        scheduler_kwargs: Mapping[str, Any] | None = None,
        *,
        n_restarts: int | None = None,
        solver: Solver | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> None:
        """Choose starts and solver. May be called once, before `synthesize`, which calls it if you did not.

        Parameters
        ----------
        initial_distortions
            Where to start, (starts, 2, ...), in place of all others.
        optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver
            As for `Synthesis`.
        n_restarts
            Random starts: four by default for more than two models; the optimum of each two of them is a start as well.
            Two models have no local optima: there, random pairs (two by default) only span where the search begins.
        seed
            Of the first random start, 0 by default; the others use ``seed + 1``, ...
        """
        if n_restarts is None:
            n_restarts = 2 if len(self._models) == 2 else 4
        seed = 0 if seed is None and self._start is None else seed
        if self._start is None and initial_distortions is None and (first := whole(seed)) is not None:
            seed = [first + i for i in range(n_restarts)]
        super().setup(
            initial_distortions, optimizer, optimizer_kwargs, scheduler, scheduler_kwargs, solver=solver, seed=seed
        )

    def _encoded(self, image: Tensor | None, seeds: Sequence[int]) -> Tensor:
        if image is not None:
            if image.shape[1:] != self._blank.shape[1:]:
                raise InputError(
                    f"initial_distortions has shape {tuple(image.shape)}; expected (starts, *{self._blank.shape[1:]})."
                )
            validate_input(image)
            return image.detach().to(self._blank)
        return self._starts()

    def _starts(self) -> Tensor:
        """Return random pairs and the optima of every two models."""
        problem, seeds = self._base(), self._seeds or []
        random = normal(seeds, self._blank.expand(len(seeds), *self._blank.shape[1:]))
        if self._found.shape[0]:
            random = normal([s + STARTS_APART * self._found.shape[0] for s in seeds], random)
        random = problem.place(random)
        if len(self._models) < 2:
            return random
        small = self._image.numel() <= LARGEST_DENSE
        pairs = [two.exact_pair() if small else self._searched(two, random) for two in problem.model_pairs()]
        # Two models have no local optima: random starts beside the solution would only cost.
        return torch.cat([*pairs, random] if len(self._models) > 2 else pairs)

    def _searched(self, two: Separation, random: Tensor) -> Tensor:
        """Find the optimum for two models in a subspace that begins with random vectors."""
        shape = self._image.shape[1:]
        one, other = two.operators()
        against = self._blank.new_empty(0, self._image.numel()) if two.found is None else two.found
        probes = random.flatten(0, 1).flatten(1)

        def rough(operator: Callable[[Tensor], Tensor]) -> RoughInverse:
            return RoughInverse(lambda v: v.reshape(-1, *shape), lambda x: x.flatten(1), probes, operator(probes), 1e-6)

        found = extreme_ratios((one, other), (rough(one), rough(other)), probes, against)
        return two.place(found.reshape(1, 2, *shape))

    def _stop(self, window: int) -> Stop:
        # The distortions have unit length and the objective no scale: so has the gradient.
        flat = Below("gradient_norm", 1e-4) | Stationary(1e-4)
        return flat | Plateau(3e-5, window, status=Status.CONVERGED)

    def _base(self) -> Separation:
        found = None
        if self._found.shape[0]:
            found = torch.linalg.qr(self._found.flatten(0, 1).flatten(1).mT)[0].mT
        return Separation(self._fishers, tuple(self._ridge), found)

    @property
    def _fishers(self) -> tuple[FisherInformation, ...]:
        if self._cache is None or self._cache[0] is not self._image:
            self._cache = self._image, tuple(FisherInformation(model, self._image) for model in self._models)
        return self._cache[1]

    def synthesize(  # type: ignore[override]
        self,
        k: int = 1,
        max_iter: int = 500,
        store_progress: bool | int = False,
        stop_iters_to_check: int = 10,
        *,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
    ) -> SynthesisResult:
        """Find `k` pairs, each orthogonal to those before, or continue a search that was cut short.

        Parameters
        ----------
        k
            How many pairs.
        max_iter
            Iterations for each pair in this call.
        stop_iters_to_check
            A pair is found where the variance is flat or has grown by less than 0.003 % over so many iterations.
        store_progress, stop, progress, observers
            As for `Synthesis`; what is stored and recorded is that of the last pair.

        Returns
        -------
        result
            Of the last pair, one batch entry per start; the best of them counts.
        """
        if (number := whole(k)) is None or not 1 <= number <= self._image.numel() // 2:
            raise InputError(f"k is {k!r}; expected 1 to {self._image.numel() // 2} pairs.")
        while True:
            options = {"stop": stop, "progress": progress, "observers": observers}
            result = super().synthesize(max_iter, store_progress, None, stop_iters_to_check, **options)  # type: ignore[arg-type]
            done = self._found.shape[0] + 1
            if done >= number or any(s.code in CUT_SHORT for s in result.status):
                return result
            self._next_pair()

    def _next_pair(self) -> None:
        distortions, variance = self.distortions, self.variance
        self._found, self._found_variance = distortions, variance
        self._run = self._snapshots = None
        self._start = self._starts()

    # Reading --------------------------------------------------------------------------------------------------------

    def _decode(self, x: Tensor) -> Tensor:
        return self._base().place(x)

    @property
    def distortions(self) -> Tensor:
        """Pairs of unit length, (pairs, 2, ...), the best start of each; empty before `synthesize`."""
        if self._run is None:
            return self._found
        best = self._run.point.parts["variance"].argmax()
        return torch.cat([self._found, self._stimulus[best : best + 1]])

    @property
    def variance(self) -> Float[Tensor, " pairs"]:
        """The objective of each pair."""
        if self._run is None:
            return self._found_variance
        return torch.cat([self._found_variance, self._run.point.parts["variance"].max().reshape(1)])

    @property
    def log_ratios(self) -> Float[Tensor, "pairs models"]:
        """``s_n``, how much more visible to each model the first distortion is than the second."""
        return self._information.log().diff(dim=2).squeeze(2).neg().mT

    @property
    def thresholds(self) -> Float[Tensor, "pairs 2 models"]:
        """Length at which each model discriminates each distortion with d' = 1, its ridge included."""
        return self._information.rsqrt().permute(1, 2, 0)

    @property
    def _information(self) -> Float[Tensor, "models pairs 2"]:
        return Separation(self._fishers, tuple(self._ridge)).information(self.distortions)

    def _figures(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        figures = {"variance": self._column("variance")[-1], "initial_variance": self._column("variance")[0]}
        quality, meaning = self._quality()
        return {**figures, **quality}, {"variance": "of the log ratio of visibilities, over models", **meaning}

    def _more_panels(self, stimulus: Tensor, batch_idx: int) -> Sequence[Panel]:
        ratios = self.log_ratios.detach().cpu()
        names = [f"pair {i}" for i in range(len(ratios))] if len(ratios) > 1 else ["log ratio"]
        title = "How much more visible the first distortion is"
        curves = dict(zip(names, ratios, strict=True))
        return [CurvesPanel("log_ratio", curves, title, "Model", "Log ratio of visibilities", log=False)]

    def _members_at(self, iteration: int | None, batch_idx: int) -> Tensor:
        """Return the pairs that were found before, and that of one start."""
        return torch.cat([*self._found, super()._members_at(iteration, batch_idx)])

    def _worth_showing(self, n: int) -> list[int]:
        # The first pairs differ the most.
        return list(range(min(n, 2 * PAIRS_SHOWN)))

    def _title(self, member: int) -> str:
        pair = str(member // 2) if len(self._found) else ""
        return f"distortion {pair}{'ab'[member % 2]}"

    def _settings(self) -> dict[str, Any]:
        return {"image": self._image, "models": self._models, "ridge": self._ridge}

    def _behaviour(self) -> dict[str, Tensor]:
        return {}

    @property
    def image(self) -> Tensor:
        """The stimulus at which models are compared, (1, ...)."""
        return self._image

    @property
    def models(self) -> list[Callable[..., Tensor]]:
        """The models."""
        return self._models

    @property
    def saved_distortions(self) -> Tensor:
        """Distortions of all starts stored on the way to the last pair, (stored, starts, 2, ...)."""
        return self._saved
