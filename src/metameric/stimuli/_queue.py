"""Trials waiting to be done: their images are read when their turn comes, so that any number of them may wait."""

import itertools
import math
from collections import deque
from collections.abc import Collection, Sequence

import yaml
from torch import Tensor

from metameric._core.errors import InputError
from metameric.stimuli._images import content_hash
from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._specification import Specification
from metameric.stimuli._work import Job

# Per trial, batches of 64 x 64 images gain up to 16 of them, of 128 x 128 hardly beyond 4; from 256 x 256 on they lose.
PIXELS = 2**17
# A set in fewer pieces would leave workers idle.
FEWEST_BATCHES = 4


def batches(plan: Plan) -> list[list[Trial]]:
    """Return all trials of a plan as they are synthesised together: whoever does it, and whatever is there already.

    A batch's composition decides how its sums are rounded, which long runs amplify. So it hangs on the plan alone.
    """
    limit = plan.specification.batch_size
    most = math.ceil(len(plan.trials) / FEWEST_BATCHES)
    found = []
    for group in plan.groups().values():
        _, height, width = group[0].shape
        size = limit or max(1, min(PIXELS // (height * width), most))
        n = math.ceil(len(group) / size)
        # Evenly, so that the last one is not a small rest.
        bounds = [i * len(group) // n for i in range(n + 1)]
        found += [group[first:last] for first, last in itertools.pairwise(bounds)]
    return found


class Queue:
    """Batches of trials of one group, each a job when it is taken out."""

    def __init__(self, plan: Plan, trials: Collection[Trial]) -> None:
        self.specification = plan.specification
        self.waiting: deque[tuple[tuple[Trial, ...], int]] = deque()
        wanted = {trial.key for trial in trials}
        for batch in batches(plan):
            if left := [trial for trial in batch if trial.key in wanted]:
                self.append(left)

    def append(self, trials: Sequence[Trial], attempt: int = 1) -> None:
        """Let trials wait to be done together."""
        self.waiting.append((tuple(trials), attempt))

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def take(self) -> Job:
        """Return the next job."""
        trials, attempt = self.waiting.popleft()
        return job_of(trials, self.specification, attempt)


def job_of(trials: Sequence[Trial], specification: Specification, attempt: int = 1) -> Job:
    """Return the job of synthesising these trials, of one group, together."""
    first = trials[0]
    return Job(
        keys=tuple(trial.key for trial in trials),
        images=tuple(_image(trial) for trial in trials),
        seeds=tuple(trial.seed for trial in trials),
        model=(first.model.name, yaml.safe_dump(first.model.options), first.model_hash),
        method=first.method,
        dtype=specification.dtype,
        device=specification.device,
        files=tuple(specification.files),
        display=specification.display,
        attempt=attempt,
    )


def _image(trial: Trial) -> Tensor | Exception:
    """Return the image that the trial was planned with, or why it is not there: that is for its own trials to bear."""
    try:
        found = trial.image.load()
    except Exception as error:
        return error
    if content_hash(found) == trial.image_hash:
        return found
    return InputError(
        f"image {trial.image.label} ({trial.image.name}) was changed after the set was planned; run the set again, "
        "which plans it with the new image, or bring the old one back (`set retry`)."
    )
