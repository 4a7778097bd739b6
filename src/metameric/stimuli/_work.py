"""The work of one batch of trials: it takes and returns plain values, so that any process can do it."""

import os
import platform
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
import yaml
from torch import Tensor

from metameric._core.errors import StateError
from metameric._solve._status import Status
from metameric._version import __version__
from metameric.stimuli._display import Display
from metameric.stimuli._models import make_model
from metameric.stimuli._synthesize import Figures, measurement, synthesize
from metameric.stimuli._words import DTYPES, checked_device

FILE_BITS = {"png8": 8, "png16": 16}


@dataclass(frozen=True)
class Job:
    """Trials that are synthesised as one batch."""

    keys: tuple[str, ...]
    images: tuple[Tensor | Exception, ...]
    """Of every trial, (1, channel, height, width), or why it cannot be had."""
    seeds: tuple[int, ...]
    model: tuple[str, str, str]
    """Name, options, and the hash of what it answers: a model whose file was changed is another one."""
    method: Any
    dtype: str
    device: str
    files: tuple[str, ...]
    display: Display | None
    attempt: int = 1
    version: str = __version__

    def singles(self) -> list["Job"]:
        """Return the same trials one by one."""
        return [
            replace(self, keys=(key,), images=(image,), seeds=(seed,))
            for key, image, seed in zip(self.keys, self.images, self.seeds, strict=True)
        ]

    def image_of(self, key: str) -> Tensor:
        """Return the image of one trial, (1, channel, height, width), or raise what keeps it from being had."""
        image = self.images[self.keys.index(key)]
        if isinstance(image, Exception):
            raise image
        return image


@dataclass(frozen=True)
class Stimulus:
    """One stimulus of a trial: what it is called, its pixels (channel, height, width), its numbers."""

    name: str
    image: Tensor
    figures: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: its stimuli, or an error."""

    key: str
    stimuli: list[Stimulus] = field(default_factory=list)
    status: str = "failed"
    iterations: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    details: str | None = None
    attempts: int = 1
    worker: str = ""


# Models may hold state while they run (hooks), and PyTorch's thread count is the process's: one batch at a time.
_TURN = threading.Lock()


def perform(job: Job) -> list[Outcome]:
    """Synthesise the trials of a job. If that fails, each is tried alone, so that only the faulty ones fail."""
    with _TURN:
        return _perform(job)


def _perform(job: Job) -> list[Outcome]:
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = _stimuli(job)
    except Exception as error:
        if len(job.keys) > 1:
            return [outcome for single in job.singles() for outcome in _perform(single)]
        shown = f"{type(error).__name__}: {error}"
        return [Outcome(job.keys[0], error=shown, details=traceback.format_exc(), worker=_worker())]
    seconds = (time.perf_counter() - start) / len(job.keys)
    said = sorted({str(w.message) for w in caught})
    return [replace(outcome, seconds=seconds, warnings=said, worker=_worker()) for outcome in found]


def _worker() -> str:
    return f"{platform.node()}:{os.getpid()}"


def _stimuli(job: Job) -> list[Outcome]:
    if job.version != __version__:
        raise StateError(f"this worker has metameric {__version__}, the runner {job.version}; expected the same.")
    images = torch.cat([job.image_of(key) for key in job.keys])
    images = images.to(dtype=DTYPES[job.dtype], device=checked_device(job.device, "device"))
    model = _model(*job.model, tuple(images.shape[1:]), job.dtype, job.device)
    answer = synthesize(job.method, images, model, job.seeds)
    display = job.display or Display()
    kinds = [kind for kind in job.files if kind in FILE_BITS]
    measure = measurement(job.method, images, model)
    measured = [_measured(measure, made.image, display, kinds) for made in answer.stimuli]
    outcomes = []
    for i, key in enumerate(job.keys):
        stimuli = []
        for made, more in zip(answer.stimuli, measured, strict=True):
            figures = {name: float(v[i]) for name, v in {**more, **made.figures}.items()}
            facts = display.facts(made.image[i : i + 1])[0]
            stimuli.append(Stimulus(made.name, made.image[i].detach().cpu(), {**figures, **facts}))
        outcomes.append(Outcome(key, stimuli, str(answer.status[i]), answer.iterations))
    return outcomes


@torch.no_grad()
def _measured(measure: Callable[[Tensor], Figures], image: Tensor, display: Display, kinds: list[str]) -> Figures:
    """Measure stimuli as they are and as their files show them: rounding can tell a metamer from its image."""
    figures = dict(measure(image))
    for kind in kinds:
        shown = display.decode(display.encode(image, FILE_BITS[kind]), (image.shape[-2], image.shape[-1]))
        figures.update({f"{name}_{kind}": value for name, value in measure(shown).items()})
    return figures


@lru_cache(maxsize=4)
def _model(
    name: str, options: str, model_hash: str, shape: tuple[int, ...], dtype: str, device: str
) -> Callable[..., Any]:
    like = torch.empty(1, *shape, dtype=DTYPES[dtype], device=device)
    return make_model(name, yaml.safe_load(options), like)


def interrupted(outcome: Outcome) -> bool:
    """Whether the user ended this trial before its time."""
    return outcome.status == str(Status.INTERRUPTED)
