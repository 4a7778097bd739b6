"""Trials waiting to be done: their images are read when their turn comes, so that any number of them may wait."""

from collections import deque
from collections.abc import Sequence

import torch
import yaml

from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._specification import Specification
from metameric.stimuli._work import Job


class Queue:
    """Batches of trials of one group, each a job when it is taken out."""

    def __init__(self, plan: Plan, trials: Sequence[Trial]) -> None:
        self.specification = plan.specification
        self.waiting: deque[tuple[tuple[Trial, ...], int]] = deque()
        groups: dict[object, list[Trial]] = {}
        for trial in trials:
            groups.setdefault(trial.group, []).append(trial)
        size = self.specification.batch_size
        for group in groups.values():
            for first in range(0, len(group), size):
                self.append(group[first : first + size])

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
        images=torch.cat([trial.image.load() for trial in trials]),
        seeds=tuple(trial.seed for trial in trials),
        model=(first.model.name, yaml.safe_dump(first.model.options)),
        method=first.method,
        dtype=specification.dtype,
        device=specification.device,
        files=tuple(specification.files),
        display=specification.display,
        attempt=attempt,
    )
