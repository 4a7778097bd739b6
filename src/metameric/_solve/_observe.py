"""Observers watch a run: progress bars, snapshots, checkpoints. They change nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from metameric._solve._loop import Run


class Observer:
    """Base of the observers; every method may be left as it is.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> class Count(mm.Observer):
    ...     steps = 0
    ...     def step(self, run):
    ...         self.steps += 1
    >>> count = Count()
    >>> metamer = mm.Metamer(torch.zeros(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> metamer.setup(seed=0)
    >>> result = metamer.synthesize(3, stop=mm.Never(), progress=False, observers=[count])
    >>> count.steps
    3
    """

    def attach(self, owner: Any) -> None:
        """Called before `start` with the synthesis to which the run belongs."""

    def start(self, run: "Run", limit: int) -> None:
        """Called before the first step; `limit` is the iteration at which the run will end at the latest."""

    def step(self, run: "Run") -> None:
        """Called after every step."""

    def finish(self, run: "Run") -> None:
        """Called at the end, however it came about."""


class ProgressBar(Observer):
    """A bar with the values worth watching, averaged over the problems, refreshed at most ten times a second."""

    def __init__(self, label: str, show: tuple[str, ...] = ("total",), disable: bool | None = False) -> None:
        self.label, self.show, self.disable = label, show, disable

    def start(self, run: "Run", limit: int) -> None:
        """Open the bar."""
        self._bar = tqdm(total=limit - run.iteration, desc=self.label, disable=self.disable, unit="it")
        self._seen, self._shown = run.iteration, 0.0

    def step(self, run: "Run") -> None:
        """Advance the bar; values are read from the device only when they will be shown."""
        now = time.monotonic()
        if now - self._shown > 0.1:
            self._refresh(run)
            self._shown = now

    def finish(self, run: "Run") -> None:
        """Show the last values and close."""
        self._refresh(run)
        self._bar.close()

    def _refresh(self, run: "Run") -> None:
        self._bar.set_postfix({n: f"{float(run.trace.last(n).mean()):.3e}" for n in self.show if n in run.trace}, False)
        self._bar.update(run.iteration - self._seen)
        self._seen = run.iteration


@dataclass
class Snapshots(Observer):
    """Keep the stimulus every so many iterations, on the CPU."""

    every: int
    images: list[Tensor] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)

    def start(self, run: "Run", limit: int) -> None:
        """Keep the first one."""
        self.step(run)

    def step(self, run: "Run") -> None:
        """Keep one when it is due."""
        if run.iteration % self.every == 0 and run.iteration not in self.iterations[-1:]:
            self.images.append(run.x.detach().to("cpu", copy=True))
            self.iterations.append(run.iteration)


class Periodically(Observer):
    """Call a function with the run every `seconds`, and at the end: checkpoints, previews."""

    def __init__(self, function: Callable[["Run"], Any], seconds: float) -> None:
        self.function, self.seconds = function, seconds
        self._last = time.monotonic()

    def step(self, run: "Run") -> None:
        """Call the function if it is due."""
        if time.monotonic() - self._last >= self.seconds:
            self.function(run)
            self._last = time.monotonic()

    def finish(self, run: "Run") -> None:
        """Call the function a last time."""
        self.function(run)
