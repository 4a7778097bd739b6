"""How far a run has come: a bar in a terminal, and lines in the log of whoever runs without one."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from tqdm.auto import tqdm

from metameric.stimuli._estimate import duration
from metameric.stimuli._plan import Plan, Trial

# Seconds after which a log hears of a group that is not finished yet.
EVERY = 300


class Progress:
    """Counts trials as they are finished. `shown` is None for a bar in terminals, and lines elsewhere."""

    def __init__(self, plan: Plan, waiting: Sequence[Trial], shown: bool | None) -> None:
        disable = None if shown is None else not shown
        self.total, self.count = len(plan.trials), len(plan.trials) - len(waiting)
        self.bar = tqdm(total=self.total, initial=self.count, unit="trial", disable=disable)
        self.logs = shown is None and self.bar.disable
        self.left = Counter(trial.group for trial in waiting)
        self.begun = self.said = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.bar.close()

    def done(self, trial: Trial) -> None:
        """Count a trial that was finished, or has failed for good."""
        self.count += 1
        self.left[trial.group] -= 1
        self.bar.update()
        now = time.monotonic()
        if self.logs and (not self.left[trial.group] or now - self.said >= EVERY):
            self.said = now
            self._say(trial, now - self.begun)

    def _say(self, trial: Trial, seconds: float) -> None:
        left = self.left[trial.group]
        shape = " x ".join(map(str, trial.shape))
        group = f"{trial.model.label}, {trial.method.label}, {shape}: {f'{left} left' if left else 'finished'}"
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        print(
            f"{stamp} {self.count}/{self.total} trials after {duration(seconds)}; {group}", file=sys.stderr, flush=True
        )
