"""Checking a set: every file against its hash, and a sample of the stimuli in their models again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from metameric._core.errors import InputError, MetamericError
from metameric.data._load import load_images
from metameric.stimuli._display import Display
from metameric.stimuli._files import file_hash
from metameric.stimuli._models import make_model
from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._store import Store
from metameric.stimuli._synthesize import measurement
from metameric.stimuli._words import DTYPES

# What rounding may change, from machine to machine, of a figure; and of a figure that is about 0.
RELATIVE, ABSOLUTE = 1e-2, 1e-6


@dataclass(frozen=True)
class Verification:
    """What a check of a set found.

    Attributes
    ----------
    problems
        What is wrong, one sentence each.
    trials, files
        How many were checked.
    measured
        How many stimuli were measured again.
    waiting
        Trials that are not finished.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     found = mm.stimuli.verify(folder)
    >>> found.clean, found.trials, found.files
    (True, 2, 6)
    """

    problems: list[str]
    trials: int
    files: int
    measured: int
    waiting: int

    @property
    def clean(self) -> bool:
        """Whether all that is there is as it was written."""
        return not self.problems

    def __str__(self) -> str:
        lines = [f"{self.trials} trials, {self.files} files checked, {self.measured} stimuli measured again"]
        if self.waiting:
            lines.append(f"{self.waiting} trials are not finished")
        return "\n".join([*lines, *(self.problems or ["no problems"])])


def verify(folder: str | Path, sample: int = 10, seed: int = 0) -> Verification:
    """Check the finished trials of a set.

    Parameters
    ----------
    folder
        The set.
    sample
        How many trials to measure again: from their files, in their models, against what was recorded.
    seed
        Which ones.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(images=["camera"], models=["Gaussian"], methods=["metamer"], size=16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     mm.stimuli.verify(folder).clean
    True
    """
    if sample < 0:
        raise InputError(f"sample is {sample}; expected 0 or more.")
    store = Store(folder)
    plan = store.plan()
    finished = store.finished()
    trials = [trial for trial in plan.trials if trial.key in finished]
    chosen = {trial.key for trial in random.Random(seed).sample(trials, min(sample, len(trials)))}
    problems: list[str] = []
    files = measured = 0
    for trial in trials:
        try:
            record = store.record(trial.key)
            damaged = list(_damaged(store, record))
            files += sum(len(stimulus["files"]) for stimulus in record["stimuli"])
            if trial.key in chosen and not damaged:
                damaged += _differences(store, plan, trial, record)
                measured += len(record["stimuli"])
        except (MetamericError, KeyError, TypeError) as error:
            damaged = [f"trials/{trial.key}.json: {error}"]
        problems += damaged
    return Verification(problems, len(trials), files, measured, len(plan.trials) - len(trials))


def _damaged(store: Store, record: dict[str, Any]) -> Iterator[str]:
    remedy = f"remove trials/{record['key']}.json and run again"
    files = [file for stimulus in record["stimuli"] for file in stimulus["files"].values()]
    for file in [*files, *record.get("targets", {}).values()]:
        path = store.folder / file["path"]
        if not path.is_file():
            yield f"{file['path']} is missing; {remedy}"
        elif file_hash(path) != file["sha256"]:
            yield f"{file['path']} was changed after it was written; {remedy}"


@torch.no_grad()
def _differences(store: Store, plan: Plan, trial: Trial, record: dict[str, Any]) -> list[str]:
    """Compare recorded figures with what the model says of the files now."""
    spec = plan.specification
    if trial.image.content() != trial.image_hash:
        return [f"image {trial.image.label} ({trial.image.name}) is not the one that trial {trial.key} was made from"]
    image = trial.image.load().to(dtype=DTYPES[spec.dtype], device=spec.device)
    model = make_model(trial.model.name, trial.model.options, image)
    measure = measurement(trial.method, image, model)
    found = []
    for stimulus in record["stimuli"]:
        for kind, file in stimulus["files"].items():
            shown = _shown(store.folder / file["path"], kind, trial, spec.display or Display())
            tail = "" if kind == "safetensors" else f"_{kind}"
            for name, value in measure(shown.to(image)).items():
                recorded = stimulus["figures"][name + tail]
                if not _close(recorded, float(value[0])):
                    found.append(f"{file['path']}: {name} is {float(value[0]):.4g}, but {recorded} was recorded")
    return found


def _close(recorded: float | None, value: float) -> bool:
    if recorded is None:
        return value != value
    return abs(value - recorded) <= RELATIVE * abs(recorded) + ABSOLUTE


def _shown(path: Path, kind: str, trial: Trial, display: Display) -> Tensor:
    """Return the stimulus (1, channel, height, width) that a file holds."""
    if kind == "safetensors":
        return load_file(path)["stimulus"][None]
    pixels = load_images([path], as_gray=trial.shape[0] == 1)
    return display.decode(pixels, trial.shape[1:])
