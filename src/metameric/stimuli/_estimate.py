"""What a plan will take: seconds, by a short calibration of every group, and bytes on disk."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from metameric._solve._status import Status
from metameric.stimuli._plan import Plan, Trial, table
from metameric.stimuli._queue import job_of
from metameric.stimuli._work import perform

FEW, MORE = 3, 12
# Compared with the numbers as they are: photographs compress a little, noise does not.
BYTES = {"png8": 1, "png16": 2, "safetensors": 4}


@dataclass(frozen=True)
class Estimate:
    """What a plan will take.

    Attributes
    ----------
    groups
        One row per group: model, method, shape, trials, seconds of all of them.
    seconds
        Of the whole plan, at most: as if every trial took all of its iterations.
    bytes
        On disk, about.
    notes
        Groups whose trial failed when it was timed, with its error.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> found = mm.stimuli.estimate(mm.stimuli.plan(spec))
    >>> found.groups[0]["trials"], found.seconds > 0
    (2, True)
    """

    groups: list[dict[str, Any]]
    seconds: float
    bytes: int
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [{**group, "seconds": f"{group['seconds']:.3g}"} for group in self.groups]
        whole = f"at most {duration(self.seconds)}, about {size(self.bytes)} on disk"
        return "\n".join([*table(rows), whole, *self.notes])


def estimate(plan: Plan, workers: int = 1, waiting: Sequence[Trial] | None = None) -> Estimate:
    """Estimate what a plan will take, from a few iterations of one trial of every group.

    Parameters
    ----------
    plan
        The plan.
    workers
        How many share the work.
    waiting
        The trials to count; all of them by default.

    Examples
    --------
    >>> import metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> print(mm.stimuli.estimate(mm.stimuli.plan(spec)))
    model     method   shape        trials  seconds
    Gaussian  metamer  1 x 16 x 16  2 ...
    at most ... s, about ... on disk
    """
    groups: dict[tuple[str, str, tuple[int, ...]], list[Trial]] = {}
    for trial in plan.trials if waiting is None else waiting:
        groups.setdefault(trial.group, []).append(trial)
    notes: list[str] = []
    rows = [_group(plan, trials, notes) for trials in groups.values()]
    stored = sum(_bytes(plan, trial) for trials in groups.values() for trial in trials)
    return Estimate(rows, sum(row["seconds"] for row in rows) / workers, stored, notes)


def _group(plan: Plan, trials: list[Trial], notes: list[str]) -> dict[str, Any]:
    first = trials[0]
    each, error = _seconds(plan, first)
    seconds = len(trials) * each
    if error is not None:
        factors = first.factors
        what = f"{factors['image']}, {factors['model']}, {factors['method']}, seed {factors['seed']}"
        notes.append(f"{what} fails, and is timed as far as it came: {error}")
    shape = " x ".join(map(str, first.shape))
    names = {"model": first.model.label, "method": first.method.label, "shape": shape}
    return {**names, "trials": len(trials), "seconds": seconds}


def _seconds(plan: Plan, trial: Trial) -> tuple[float, str | None]:
    """Extrapolate from two short runs to all iterations, unless the trial ended within them; return its error, too."""
    times = []
    wanted = trial.method.max_iter
    perform(_short(plan, trial, 1))  # the first run of a model builds its filters
    for n in (FEW, MORE):
        start = time.perf_counter()
        (outcome,) = perform(_short(plan, trial, min(n, wanted)))
        times.append(time.perf_counter() - start)
        if outcome.status != str(Status.STEP_LIMIT) or n >= wanted:
            return times[-1], outcome.error
    each = max(times[1] - times[0], 0.0) / (MORE - FEW)
    return times[1] + each * (wanted - MORE), None


def _short(plan: Plan, trial: Trial, max_iter: int) -> Any:
    job = job_of([trial], plan.specification)
    return replace(job, method=job.method.model_copy(update={"max_iter": max_iter}))


def _bytes(plan: Plan, trial: Trial) -> int:
    channels, height, width = trial.shape
    spec = plan.specification
    n = 2 * trial.method.k if trial.method.method == "eigendistortions" else 1
    field = (height, width) if spec.display is None or spec.display.canvas is None else spec.display.canvas
    pixels = {"png8": field, "png16": field, "safetensors": (height, width)}
    wide = 2 if spec.dtype == "float64" else 1
    each = [BYTES[k] * (wide if k == "safetensors" else 1) * pixels[k][0] * pixels[k][1] for k in spec.files]
    return 2048 + n * channels * sum(each)


def duration(seconds: float) -> str:
    """Write seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Write a number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
