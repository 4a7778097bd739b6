"""Each method of a set on a batch of images: what it makes, how it ended, and how its stimuli are measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metameric._core.batched import each
from metameric._core.tensors import norm, rows
from metameric._objective._jacobian import flatten_response
from metameric._objective._match import relative_error
from metameric._solve._status import Status
from metameric._synthesis._eigendistortion import Eigendistortion
from metameric._synthesis._mad import MADCompetition
from metameric._synthesis._metamer import Metamer
from metameric._synthesis._metamer_ctf import MetamerCTF
from metameric.metric._distance import model_metric_factory
from metameric.stimuli._methods import EigendistortionMethod, MADMethod, MetamerMethod
from metameric.stimuli._metrics import chosen_metrics
from metameric.stimuli._words import solver_options

Figures = dict[str, Tensor]


@dataclass(frozen=True)
class Made:
    """Stimuli of one kind, one per trial, with the numbers of each."""

    name: str
    image: Tensor
    figures: Figures


@dataclass(frozen=True)
class Answer:
    """What a method made for every trial of a batch."""

    stimuli: list[Made]
    status: list[Status]
    iterations: int


def synthesize(method: Any, images: Tensor, model: Callable[..., Tensor], seeds: Sequence[int]) -> Answer:
    """Run a method on images (batch, channel, height, width), each with its own seed."""
    kinds: dict[str, Callable[..., Answer]] = {"metamer": _metamers, "mad": _mad, "eigendistortions": _eigendistortions}
    return kinds[method.method](method, images, model, list(seeds))


def measurement(method: Any, images: Tensor, model: Callable[..., Any]) -> Callable[[Tensor], Figures]:
    """Return how stimuli of a method are measured, by the model, against the images that they belong to."""
    if method.method == "mad":
        metrics = _metrics(method, images, model)
        names = ("optimized_metric", "reference_metric")
        return lambda x: {n: each(m)(x, images) for n, m in zip(names, metrics, strict=True)}
    with torch.no_grad():
        target = flatten_response(model(images))
    if method.method == "metamer":
        return lambda x: {"relative_error": relative_error(flatten_response(model(x)), target)}
    return lambda x: {"response_change": norm(flatten_response(model(x)) - target)}


def _metamers(method: MetamerMethod, images: Tensor, model: Callable[..., Tensor], seeds: list[int]) -> Answer:
    weight = method.penalty_lambda
    if method.coarse_to_fine is None:
        synthesis = Metamer(images, model, penalty_lambda=weight)
    else:
        synthesis = MetamerCTF(images, model, penalty_lambda=weight, coarse_to_fine=method.coarse_to_fine)
    initial = None if method.initial == "auto" else method.initial
    synthesis.setup(initial, seed=seeds, **solver_options(method.solver))
    result = synthesis.synthesize(method.max_iter, tolerance=method.tolerance, progress=False)
    # What `measurement` says of stimuli and files alike is left to it.
    figures = {name: values for name, values in result.figures.items() if name != "relative_error"}
    return Answer([Made("metamer", synthesis.metamer, figures)], result.status, result.iterations)


def _mad(method: MADMethod, images: Tensor, model: Callable[..., Tensor], seeds: list[int]) -> Answer:
    optimized, reference = _metrics(method, images, model)
    synthesis = MADCompetition(images, optimized, reference, method.minmax[0])
    synthesis.setup(method.noise, seed=seeds, **solver_options(method.solver))
    result = synthesis.synthesize(method.max_iter, progress=False)
    measured = ("optimized_final", "reference_final")
    figures = {name: values for name, values in result.figures.items() if name not in measured}
    return Answer([Made("mad", synthesis.mad_image, figures)], result.status, result.iterations)


def _metrics(method: MADMethod, images: Tensor, model: Callable[..., Tensor]) -> list[Callable[..., Tensor]]:
    names = [name for name in (method.optimized, method.reference) if name != "model"]
    named = list(chosen_metrics(names, images[:1], distances=True).values())
    whole = {"model": model_metric_factory(model), **dict(zip(names, named, strict=True))}
    return [whole[method.optimized], whole[method.reference]]


def _eigendistortions(
    method: EigendistortionMethod, images: Tensor, model: Callable[..., Any], seeds: list[int]
) -> Answer:
    synthesis = Eigendistortion(images, model)
    result = synthesis.synthesize(method.search, method.k, method.max_iter, seed=seeds[0], progress=False)
    n = result.stimulus.shape[1]
    chosen = sorted({*range(min(method.k, n)), *range(max(0, n - method.k), n)})
    stimuli = []
    for j in chosen:
        distortion = _signed(result.stimulus[:, j])
        values = {"eigenvalue": result.eigenvalues, "residual": result.residuals, "threshold": result.thresholds}
        figures = {name: value[:, j] for name, value in values.items()}
        figures["rank"] = result.index[j].expand(images.shape[0])
        stimuli.append(Made(f"rank{int(result.index[j])}", images + method.scale * distortion, figures))
    status = [next((s[j] for j in chosen if not s[j].succeeded), Status.CONVERGED) for s in result.status]
    return Answer(stimuli, status, max(result.products))


def _signed(distortion: Tensor) -> Tensor:
    """An eigenvector's sign means nothing: take that with its largest element positive, the same on every machine."""
    flat = rows(distortion)
    largest = flat.gather(1, flat.abs().argmax(1, keepdim=True))
    return distortion * largest.sign().reshape(-1, *(1,) * (distortion.ndim - 1))
