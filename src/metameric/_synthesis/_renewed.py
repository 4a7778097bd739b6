"""Stimuli that are sought from several starts, one after the other: the best is kept."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from metameric._core.random import STARTS_APART
from metameric._core.tensors import spread
from metameric._solve._loop import Run
from metameric._synthesis._synthesis import Synthesis


class Renewed(Synthesis):
    """Base of the methods that begin again elsewhere when a start has come to its end.

    A stimulus is the best of its starts, the present one included.
    """

    _stored: ClassVar[tuple[str, ...]] = (*Synthesis._stored, "_kept", "_kept_merit")

    _kept: Tensor | None = None
    """Per problem, the best parameters of the starts that came to an end; `_kept_merit` says how good they are."""
    _kept_merit: Tensor | None = None

    @abstractmethod
    def _merit(self, run: Run, index: Tensor | None = None) -> Tensor:
        """Return how good the present parameters are, of all problems or of some: the more, the better."""

    def _keep(self, run: Run, ended: Tensor) -> tuple[Tensor, Tensor]:
        """Note the problems whose start has come to its end; return the best parameters of each and their merit."""
        kept = run.x if self._kept is None else self._kept
        lowest = torch.full_like(run.point.total, -torch.inf)
        merit = lowest if self._kept_merit is None else self._kept_merit
        best, value = _better(run.x[ended], self._merit(run, ended), kept[ended], merit[ended])
        self._kept, self._kept_merit = kept.index_copy(0, ended, best), merit.index_copy(0, ended, value)
        return best, value

    def _best(self, run: Run) -> tuple[Tensor, Tensor]:
        """Return for every problem the parameters of its best start so far, and their merit."""
        merit = self._merit(run)
        if self._kept is None or self._kept_merit is None:
            return run.x, merit
        return _better(run.x, merit, self._kept, self._kept_merit)

    def _further_seeds(self, index: Tensor, starts: Tensor) -> list[int]:
        """Return the seeds with which some problems begin again, after so many starts each."""
        seeds = self._seeds or []
        return [seeds[i] + STARTS_APART * n for i, n in zip(index.tolist(), starts.tolist(), strict=True)]

    @property
    def _stimulus(self) -> Tensor:
        if self._run is None or self._kept is None:
            return super()._stimulus
        return self._decode(self._best(self._run)[0])


def _better(now: Tensor, merit: Tensor, kept: Tensor, kept_merit: Tensor) -> tuple[Tensor, Tensor]:
    merit = torch.nan_to_num(merit, nan=-torch.inf)
    # Of two equals the later one: its figures are those of the trace.
    better = merit >= kept_merit
    return torch.where(spread(better, now), now, kept), torch.maximum(merit, kept_merit)
