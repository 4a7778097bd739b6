"""Climbing again and again from the best stimulus with noise added."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metameric._core.counts import count
from metameric._core.errors import InputError
from metameric._core.random import normal
from metameric._core.tensors import rows, spread
from metameric._core.types import Number
from metameric._solve._loop import Renew, Run
from metameric._solve._observe import Observer
from metameric._solve._stop import Early, Plateau, Stop
from metameric._synthesis._renewed import Renewed
from metameric._synthesis._result import SynthesisResult

ROUGH = Plateau(1e-2, 5)
"""When a climb has come far enough to be judged."""


class Kicked(Renewed):
    """Base of the methods that leave a local maximum by a kick."""

    _kicks, _kick_size = 0, 1.0

    def synthesize(
        self,
        max_iter: int = 500,
        store_progress: bool | int = False,
        stop_criterion: float | None = None,
        stop_iters_to_check: int = 20,
        *,
        kicks: int = 0,
        kick_size: Number = 1.0,
        stop: Stop | None = None,
        progress: bool | None = True,
        observers: Sequence[Observer] = (),
    ) -> SynthesisResult:
        """Run, or continue; with `kicks`, climb again and again from the best stimulus with noise added.

        Deep networks have very many local maxima, and the better ones lie near one another: adding noise and climbing
        again leads from one to the next (Wales & Doye 1997; Leary 2000), and far beyond what one climb reaches.

        Parameters
        ----------
        max_iter
            Iterations in this call, of all climbs of a stimulus together; about 20 for each kick, 100 before and after.
        kicks
            How often noise is added, in all. After the last one the best is climbed to the end.
        kick_size
            Standard deviation of the noise over that of the stimulus (with a parametrization, of its parameters).
        store_progress, stop_criterion, stop_iters_to_check, stop, progress, observers
            As for `Synthesis`; what is stored and recorded are all climbs, one after the other.
        """
        kicks = count("kicks", kicks, 0)
        if kicks and not kick_size > 0:
            raise InputError(f"kick_size is {kick_size}; expected more than 0.")
        if kicks and self._transforms:
            raise InputError("transforms are drawn anew all the time, so that no climb ends; use kicks=0 with them.")
        self._kicks, self._kick_size = kicks, float(kick_size)
        options = {"stop": stop, "progress": progress, "observers": observers}
        return super().synthesize(max_iter, store_progress, stop_criterion, stop_iters_to_check, **options)  # type: ignore[arg-type]

    def _minimise(self, max_iter: int, store_progress: bool | int | None, stop: Stop, *rest: Any) -> SynthesisResult:
        if self._kicks:
            stop = stop | Early(ROUGH, self._kicks + 1)
        return super()._minimise(max_iter, store_progress, stop, *rest)

    def _renewal(self) -> Renew | None:
        return self._kicked if self._kicks else None

    def _kicked(self, run: Run, ended: Tensor) -> tuple[Tensor, Tensor]:
        """Climb again from the best stimulus and noise, or after the last kick from the best stimulus as it is."""
        best, _ = self._keep(run, ended)
        climbs = run.trace.last("changes")[ended]
        again = climbs <= self._kicks
        index, best, climbs = ended[again], best[again], climbs[again]
        if index.numel() == 0:
            return index, best
        size = self._kick_size * rows(best).std(1, correction=0) * (climbs < self._kicks)
        return index, best + spread(size, best) * normal(self._further_seeds(index, climbs + 1), best)

    def _merit(self, run: Run, index: Tensor | None = None) -> Tensor:
        return -(run.point.total if index is None else run.point.total[index])
