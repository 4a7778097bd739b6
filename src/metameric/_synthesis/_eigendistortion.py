"""Eigendistortions: the most and the least noticeable changes of a stimulus, for a model."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from metameric._core.batched import name_of
from metameric._core.errors import StateError
from metameric._objective._coordinates import Coordinates
from metameric._objective._fisher import FisherInformation
from metameric._objective._noise import ResponseNoise
from metameric._solve._interrupt import Request, interruptible
from metameric._synthesis._archived import Archived
from metameric._synthesis._eigen_methods import Extremes, Problem, find, interrupted, moved
from metameric._synthesis._eigen_model import check_model, posed
from metameric._synthesis._eigen_options import Options
from metameric._synthesis._eigen_result import EigendistortionResult, ThresholdTable
from metameric.validate._stimulus import validate_input


class Eigendistortion(Archived):
    """Find the distortions that a model predicts to be the most and the least noticeable (Berardino et al. 2017).

    They are the extreme eigenvectors of the Fisher information ``F = J' C^-1 J`` of the model at the stimulus.
    Many models have null vectors: gain control by luminance does not respond to some multiple of the stimulus plus a
    constant, which is then its least noticeable distortion, before those of the highest spatial frequencies.

    Parameters
    ----------
    image
        Stimuli, (batch, ...). Each is a problem of its own.
    model
        Differentiable callable from (batch, ...) to a tensor (batch, ...), real or complex, or a list of such.
    noise
        Noise on the response, see `FisherInformation`; white by default.
    mask
        Where distortions may be, broadcastable to (...); everywhere by default.
    weight
        Positive weight of each element, broadcastable to (...): distortions v have ``|weight * v| = 1``.

    Examples
    --------
    >>> import metameric as mm
    >>> image = mm.data.image("camera", size=16)
    >>> eigendistortion = mm.Eigendistortion(image, mm.models.Gaussian(5))
    >>> eigendistortion.synthesize(k=2, progress=False).converged
    True
    >>> eigendistortion.eigenindex
    tensor([  0,   1, 254, 255])
    """

    _stored = ("_found", "_options", "_seconds", "_jacobian", "_searches")

    def __init__(
        self,
        image: Tensor,
        model: Callable[..., Any],
        *,
        noise: ResponseNoise | float | Tensor | str | None = None,
        mask: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> None:
        validate_input(image)
        self._image, self._model = image.detach(), model
        self._noise, self._mask, self._weight = noise, mask, weight
        check_model(model, self._image)
        Coordinates(self._image, mask, weight)
        self._jacobian: Tensor | None = None
        self._forget()

    def _forget(self) -> None:
        self._problems: dict[int, Problem] = {}
        self._searches: dict[int, dict[str, Any]] = {}
        self._found: list[Extremes] = []
        self._options: Options | None = None
        self._seconds = 0.0

    def __getstate__(self) -> dict[str, Any]:
        # The graphs of a model can neither be copied nor pickled; a search goes on from its record.
        return {**vars(self), "_problems": {}}

    def _settings(self) -> dict[str, Any]:
        # A noise model is an object: a file can tell it by what it prints.
        noise = repr(self._noise) if isinstance(self._noise, ResponseNoise) else self._noise
        plain = {"image": self._image, "model": self._model, "mask": self._mask, "weight": self._weight}
        return {**plain, "noise_model": noise}

    def _is_new(self) -> bool:
        return self._options is None and self._jacobian is None

    def synthesize(
        self,
        method: str = "auto",
        k: int = 1,
        max_iter: int = 1000,
        p: int = 5,
        q: int = 2,
        stop_criterion: float | None = None,
        *,
        ends: str = "both",
        seed: int = 0,
        progress: bool | None = True,
    ) -> EigendistortionResult:
        """Find `k` distortions at each end of the spectrum, or continue a search that was cut short.

        Parameters
        ----------
        method
            ``"auto"``: ``"exact"`` for small stimuli (up to 1024 elements), otherwise a preconditioned Krylov method
            at both ends that ends on the residual. ``"exact"``: all eigenvectors, from the Jacobian in full.
            ``"power"``: block power iteration, which rarely reaches the lower end. ``"randomized_svd"``: the upper
            end only, roughly.
        k
            Distortions at each end; ``"exact"`` returns all.
        max_iter
            Iterations at each end in this call.
        p, q
            Vectors and products to spare in ``"randomized_svd"``.
        stop_criterion
            For ``"auto"`` the residual ``|F v - lambda v| / lambda_max`` that counts as found (5e-7; 1e-10 in
            float64), for ``"power"`` the change of the eigenvalues (1e-7).
        ends
            ``"both"``, or ``"largest"`` to leave out the lower end, which takes far longer in some models.
        seed
            Seed of the random start.
        progress
            Show a progress bar; None shows it in terminals only.

        Notes
        -----
        ``"auto"`` holds at most ``4 (40 + 10 k)`` stimuli, plus a million numbers, besides the model's graph. Where a
        model has fewer responses than the stimulus has elements (and at most 1024), it holds also as many stimuli as
        responses, and its lower end are random changes to which the model does not respond at all.

        Ctrl-C ends a search with what there is. ``"exact"`` and ``"randomized_svd"``, which have nothing until they are
        done, it ends in a KeyboardInterrupt; stimuli that are done are kept then, and after any error.
        """
        options = Options(method, k, max_iter, p, q, stop_criterion, seed, ends)
        options.check(Coordinates(self._image, self._mask, self._weight).size)
        if not options.same_search(self._options):
            self._forget()
        self._options = options
        started = time.perf_counter()
        try:
            with interruptible() as request:
                for i in range(self._image.shape[0]):
                    self._found[i : i + 1] = [self._solve(i, options, request, progress)]
        finally:
            # Also after an error: what was found by then is kept, and a further call goes on from there.
            self._searches.update({i: problem.begun() for i, problem in self._problems.items()})
            self._seconds += time.perf_counter() - started
        if self._found[0].jacobian is not None:
            self._jacobian = _unbatched(torch.stack([f.jacobian for f in self._found if f.jacobian is not None]))
        return self.result

    def _solve(self, i: int, options: Options, request: Request, progress: bool | None) -> Extremes:
        if i < len(self._found) and all(s.succeeded for s in self._found[i].pairs.status):
            return self._found[i]
        if i not in self._problems:
            self._problems[i] = posed(self._image[i : i + 1], self._model, self._noise, self._mask, self._weight)
            if i in self._searches:
                self._problems[i].resume(self._searches[i])
        if request.made:
            options = replace(options, max_iter=0)
        label = f"Eigendistortion {i}" if self._image.shape[0] > 1 else "Eigendistortion"
        with tqdm(desc=label, unit="it", disable=None if progress is None else not progress) as bar:

            def watch(residual: Tensor | None) -> bool:
                bar.update()
                if residual is not None and not bar.disable and bar.n % 10 == 0:
                    bar.set_postfix(residual=f"{float(residual.max()):.1e}", refresh=False)
                return request.made

            with request.at_once() if self._problems[i].in_one_go(options) else nullcontext():
                extremes = find(self._problems[i], options, watch)
        if request.made:
            extremes = replace(extremes, pairs=interrupted(extremes.pairs))
        if all(s.succeeded for s in extremes.pairs.status):
            # Only an unfinished search is worth its memory.
            del self._problems[i]
            self._searches.pop(i, None)
        return extremes

    def compute_jacobian(self) -> Tensor:
        """Compute the Jacobian in full, (response, elements), with a leading batch dimension for several stimuli."""
        if self._jacobian is None:
            each = [FisherInformation(self._model, x[None], self._noise).jacobian()[0] for x in self._image]
            self._jacobian = _unbatched(torch.stack(each))
        return self._jacobian

    @property
    def result(self) -> EigendistortionResult:
        """What was found, and how far it can be trusted."""
        if self._options is None or not self._found:
            raise StateError("there are no eigendistortions yet; call synthesize() first.")
        if not self._complete:
            done = f"{len(self._found)} of {len(self._image)} stimuli"
            raise StateError(f"there are eigendistortions of {done} only; call synthesize() again for the others.")
        pairs = [f.pairs for f in self._found]
        vectors = [Coordinates(self._image, self._mask, self._weight).to_images(p.vectors) for p in pairs]
        values = torch.stack([p.values for p in pairs])
        return EigendistortionResult(
            stimulus=torch.stack(vectors),
            eigenvalues=values,
            residuals=torch.stack([p.residuals / f.largest for p, f in zip(pairs, self._found, strict=True)]),
            index=self._found[0].index,
            status=[p.status for p in pairs],
            largest=values.new_tensor([f.largest for f in self._found]),
            products=[p.products for p in pairs],
            seconds=self._seconds,
            config=vars(self._options),
        )

    @property
    def _complete(self) -> bool:
        return len(self._found) == len(self._image)

    def summary(self) -> str:
        """Return a few lines that say what was found and how far it can be trusted."""
        return self.result.summary()

    @property
    def image(self) -> Tensor:
        """The stimuli, (batch, ...)."""
        return self._image

    @property
    def model(self) -> Callable[..., Any]:
        """The model."""
        return self._model

    @property
    def jacobian(self) -> Tensor | None:
        """The Jacobian, if `compute_jacobian` or the method ``"exact"`` was called."""
        return self._jacobian

    @property
    def eigendistortions(self) -> Tensor | None:
        """Distortions in decreasing order of eigenvalue, (n, ...), or (batch, n, ...) for several stimuli."""
        return _unbatched(self.result.stimulus) if self._complete else None

    @property
    def eigenvalues(self) -> Tensor | None:
        """Their eigenvalues, (n,) or (batch, n)."""
        return _unbatched(self.result.eigenvalues) if self._complete else None

    @property
    def eigenindex(self) -> Int[Tensor, " n"] | None:
        """Their ranks among all eigenvalues, (n,); 0 is the largest."""
        return self._found[0].index if self._complete else None

    @property
    def thresholds(self) -> Tensor:
        """Predicted detection threshold ``1 / sqrt(lambda)`` of each distortion, (n,) or (batch, n)."""
        return _unbatched(self.result.thresholds)

    def scaled(self, d_prime: float = 1.0) -> Tensor:
        """Return the distortions scaled to a predicted discriminability.

        Two models' distortions scaled to the same `d_prime` are, each to its own model, equally visible.
        """
        result = self.result
        length = d_prime * result.thresholds
        return _unbatched(result.stimulus * length.reshape(*length.shape, *(1,) * (result.stimulus.ndim - 2)))

    def compare(self, models: Mapping[str, Callable[..., Any]] | Sequence[Callable[..., Any]]) -> ThresholdTable:
        """Return the thresholds of this model and of others for this model's distortions.

        Parameters
        ----------
        models
            Other models, by name or in a sequence. They are given the same noise as this one.
        """
        named = dict(models) if isinstance(models, Mapping) else {name_of(m): m for m in models}
        result = self.result
        distortions = result.stimulus.transpose(0, 1)
        values = [result.thresholds]
        for model in named.values():
            fisher = FisherInformation(model, self._image, self._noise)
            values.append(fisher.threshold(distortions).transpose(0, 1))
        return ThresholdTable([name_of(self._model), *named], result.index, torch.stack(values))

    def to(self, *args: Any, **kwargs: Any) -> "Eigendistortion":
        """Move or cast everything in place, as `torch.nn.Module.to`; an unfinished search starts anew."""
        device, dtype, _, _ = torch._C._nn._parse_to(*args, **kwargs)

        def move(x: Tensor) -> Tensor:
            return x.to(device=device, dtype=dtype if x.is_floating_point() else None)

        self._image = move(self._image)
        if isinstance(self._model, nn.Module):
            self._model = self._model.to(*args, **kwargs)
        self._mask = None if self._mask is None else move(self._mask)
        self._weight = None if self._weight is None else move(self._weight)
        self._jacobian = None if self._jacobian is None else move(self._jacobian)
        self._problems, self._searches = {}, {}
        self._found = [moved(f, move) for f in self._found]
        return self

    def __repr__(self) -> str:
        head = f"Eigendistortion({tuple(self._image.shape)}, {self._image.dtype}, model={name_of(self._model)})"
        return f"{head}\n{self.result.summary()}" if self._complete else head


def _unbatched(x: Float[Tensor, "batch *rest"]) -> Tensor:
    return x[0] if x.shape[0] == 1 else x
