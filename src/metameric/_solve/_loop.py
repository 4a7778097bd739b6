"""The one loop. It knows no model and no method: an objective, a solver, a stopping rule, and a record of the run."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metameric._core import memory
from metameric._core.tensors import norm, spread
from metameric._objective._terms import Control, Objective, is_guided
from metameric._solve._constraint import FREE, Constraint, is_curved, remembering
from metameric._solve._interrupt import interruptible
from metameric._solve._observe import Observer
from metameric._solve._point import Evaluate, Point
from metameric._solve._schedule import Schedule
from metameric._solve._solver import Memory, Solver
from metameric._solve._status import Status
from metameric._solve._stop import Stop
from metameric._solve._trace import Trace

RUNNING = Status.RUNNING.code
CUT_SHORT = (Status.STEP_LIMIT.code, Status.INTERRUPTED.code)
FAILED = (Status.STALLED.code, Status.NON_FINITE.code, Status.FLAT.code)


@dataclass
class Run:
    """The record of a run: all that is needed to read it, to save it and to continue it."""

    point: Point
    trace: Trace
    codes: Tensor
    iteration: int
    active: Tensor
    memory: Memory
    control: Control
    counts: Tensor

    @property
    def x(self) -> Tensor:
        """The stimuli, (batch, ...)."""
        return self.point.x

    @property
    def status(self) -> list[Status]:
        """How each problem stands."""
        return [Status.from_code(code) for code in self.codes.tolist()]


Renew = Callable[[Run, Tensor], tuple[Tensor, Tensor]]
"""From a run and the problems that have just come to their end (indices): those that begin again, and where."""


def minimise(
    objective: Objective,
    x0: Tensor | None = None,
    *,
    solver: Solver,
    stop: Stop,
    max_iter: int,
    schedule: Schedule | None = None,
    constraint: Constraint = FREE,
    observers: Sequence[Observer] = (),
    run: Run | None = None,
    batch_size: int | None = None,
    renew: Renew | None = None,
) -> Run:
    """Minimise every problem of a batch from `x0`, or continue `run` (in place) for `max_iter` further iterations.

    A finished problem is set aside and costs nothing; `batch_size` bounds how many are evaluated at once. The record is
    complete after every iteration, so an error or an interruption loses nothing that came before. A problem that has
    come to its end may begin again elsewhere, at once, if `renew` says so; others take no notice.
    """
    memory.keep_heap()
    loop = _Loop(objective, solver, stop, schedule, constraint, batch_size, renew)
    if run is None:
        if x0 is None:
            raise TypeError("minimise needs a starting point x0 or a run to continue")
        run = loop.begin(x0)
    else:
        loop.resume(run)
    limit = run.iteration + max_iter
    with ExitStack() as stack:
        request = stack.enter_context(interruptible())
        for observer in observers:
            observer.start(run, limit)
            stack.callback(observer.finish, run)
        try:
            while loop.settle(run, limit, request.made):
                loop.advance(run)
                for observer in observers:
                    observer.step(run)
        except KeyboardInterrupt:
            loop.end_running(run, Status.INTERRUPTED)
    return run


class _Loop:
    """The steps of the loop, over one `Run`."""

    def __init__(
        self,
        objective: Objective,
        solver: Solver,
        stop: Stop,
        schedule: Schedule | None,
        constraint: Constraint,
        batch_size: int | None,
        renew: Renew | None,
    ) -> None:
        self.base, self.solver, self.stop, self.schedule = objective, solver, stop, schedule
        self.constraint, self.batch_size, self.renew = remembering(constraint), batch_size, renew
        self.started = time.perf_counter()
        # Every end is shown to `renew` once in a call.
        self.shown: Tensor | None = None

    def begin(self, x0: Tensor) -> Run:
        batch, device = x0.shape[0], x0.device
        control = {} if self.schedule is None else self.schedule.start(batch, device)
        x0 = self.constraint.move(x0.detach(), torch.zeros_like(x0))
        evaluate = Evaluate(self._objective(control), batch, device, self.batch_size)
        point = evaluate(x0)
        codes = torch.where(point.finite, RUNNING, Status.NON_FINITE.code)
        everything = torch.arange(batch, device=device)
        run = Run(point, Trace(), codes, 0, everything, self.solver.start(point), control, evaluate.counts)
        run.trace.append(self._row(run, torch.zeros_like(point.total)), time.perf_counter() - self.started)
        return run

    def resume(self, run: Run) -> None:
        """Make the problems run again that can go on; those that still satisfy the rule stay as they are.

        While others have not come to their end, those that failed stay as they are too, so that a run in pieces is the
        same as a run in one; once all have, going on means trying again.
        """
        self.started = time.perf_counter() - run.trace.seconds[-1]
        if self.renew is not None:
            run.trace.fill("changes", torch.zeros_like(run.codes))
        self.begin_again(run)
        done = (run.codes == Status.CONVERGED.code) & (self.stop(run.trace) == Status.CONVERGED.code)
        underway = torch.isin(run.codes, run.codes.new_tensor([RUNNING, *CUT_SHORT]))
        failed = torch.isin(run.codes, run.codes.new_tensor(FAILED))
        done = done | (failed & underway.any())
        run.codes = torch.where(done, run.codes, RUNNING)

    def settle(self, run: Run, limit: int, interrupted: bool) -> bool:
        """Apply the stopping rule and the limits; return whether any problem goes on."""
        running = run.codes == RUNNING
        ended = torch.where(running, self.stop(run.trace), run.codes)
        if self.schedule is not None:
            ended = torch.where(running & ~self.schedule.finished(run.control), RUNNING, ended)
        run.codes = ended
        self.begin_again(run)
        if interrupted:
            self.end_running(run, Status.INTERRUPTED)
        elif run.iteration >= limit:
            self.end_running(run, Status.STEP_LIMIT)
        return bool((run.codes == RUNNING).any())

    def end_running(self, run: Run, status: Status) -> None:
        run.codes = torch.where(run.codes == RUNNING, status.code, run.codes)

    def begin_again(self, run: Run) -> None:
        """Let problems that have come to their end start anew where `renew` says so."""
        if self.renew is None:
            return
        ended = ~torch.isin(run.codes, run.codes.new_tensor([RUNNING, *CUT_SHORT]))
        new = ended if self.shown is None else ended & ~self.shown
        self.shown = ended
        if not bool(new.any()):
            return
        index, x = self.renew(run, new.nonzero()[:, 0])
        if index.numel() == 0:
            return
        self.shown = ended.index_fill(0, index, False)
        control = run.control
        if self.schedule is not None:
            fresh = self.schedule.start(run.codes.numel(), run.codes.device)
            control = {k: v.index_copy(0, index, fresh[k][index]) for k, v in control.items()}
        new_run = self._placed(run, control, index, self.constraint.move(x.detach(), torch.zeros_like(x)))
        codes = torch.where(new_run.point.finite[index], RUNNING, Status.NON_FINITE.code)
        new_run.codes = run.codes.index_copy(0, index, codes)
        self._hold(new_run, (new_run.codes == RUNNING).nonzero()[:, 0], anew=index)
        started = torch.zeros_like(run.codes).index_fill(0, index, 1)
        self._take_over(run, new_run, started)

    def _placed(self, run: Run, control: Control, index: Tensor, x: Tensor) -> Run:
        """Return the run with the problems `index` at `x` under another control; the run itself stays as it is."""
        evaluate = Evaluate(self._objective(control).rows(index), index.numel(), index.device, self.batch_size)
        point = run.point.put(index, evaluate(x))
        return replace(run, point=point, control=control, counts=run.counts.index_add(0, index, evaluate.counts))

    def _take_over(self, run: Run, new: Run, changed: Tensor) -> None:
        """Write another objective's values into the record, all at once: an error before this has changed nothing."""
        row = {**self._row(new, run.trace.last("step")), "changes": self._changes(run) + changed}
        vars(run).update(vars(new))
        run.trace.replace_last(row)

    def _hold(self, run: Run, active: Tensor, anew: Tensor | None = None) -> None:
        """Keep the solver's memory of the problems `active`, without that of the problems `anew`."""
        if active.numel() == 0 or (anew is None and torch.equal(active, run.active)):
            return
        where = _positions(active, run.active, run.codes.numel())
        if anew is not None:
            where = where.masked_fill(torch.isin(active, anew), -1)
        run.memory, run.active = self.solver.select(run.memory, where, run.point.take(active)), active

    def advance(self, run: Run) -> None:
        """Take one step of the running problems and write it into the record."""
        active = (run.codes == RUNNING).nonzero()[:, 0]
        everything = active.numel() == run.codes.numel()
        objective = self._objective(run.control)
        point = run.point if everything else run.point.take(active)
        self._hold(run, active)
        view = objective if everything else objective.rows(active)
        if is_guided(view):
            view = view.from_point(point.parts)
        evaluate = Evaluate(view, active.numel(), active.device, self.batch_size)
        step = self.solver.step(evaluate, point, run.memory, self.constraint)
        length = torch.zeros_like(run.point.total)
        length[active] = norm(step.point.x - point.x)
        halted = torch.zeros_like(run.codes).index_copy(0, active, step.halted.to(run.codes.dtype))
        new = replace(
            run,
            point=run.point.put(active, step.point),
            memory=step.memory,
            codes=torch.where(halted != 0, halted, run.codes),
            counts=run.counts.index_add(0, active, evaluate.counts),
            iteration=run.iteration + 1,
        )
        row = self._row(new, length)
        vars(run).update(vars(new))
        run.trace.append(row, time.perf_counter() - self.started)
        self._follow_schedule(run, halted)

    def _follow_schedule(self, run: Run, halted: Tensor) -> None:
        if self.schedule is None:
            return
        stalled = halted == Status.STALLED.code
        control, changed = self.schedule.advance(run.control, run.trace, stalled)
        running = (run.codes == RUNNING) | stalled
        changed = changed & running
        if not bool(changed.any()):
            return
        # Where the next line ends in an error, these problems are to try again, too.
        run.codes = torch.where(changed & stalled, RUNNING, run.codes)
        control = {k: torch.where(spread(changed, v), v, run.control[k]) for k, v in control.items()}
        index = changed.nonzero()[:, 0]
        new = self._placed(run, control, index, run.x[index])
        # What the solver learnt about the old objective is of no use for the new one.
        new.memory = self.solver.forget(run.memory, changed[run.active])
        self._take_over(run, new, changed)

    def _objective(self, control: Control) -> Objective:
        return self.base if not control else self.base.at(control)  # type: ignore[attr-defined]

    @staticmethod
    def _changes(run: Run) -> Tensor:
        """How often each problem's objective has changed so far."""
        return run.trace.last("changes") if "changes" in run.trace else torch.zeros_like(run.codes)

    def _row(self, run: Run, length: Tensor) -> dict[str, Tensor]:
        point = run.point
        # On a curved set the gradient does not vanish at the optimum: what counts is the part along the set.
        along = self.constraint.tangent(point.x, -point.gradient) if is_curved(self.constraint) else None
        fixed = self.schedule is None and self.renew is None and "changes" not in run.trace
        scheduled = {} if fixed else {**run.control, "changes": self._changes(run)}
        return {
            **scheduled,
            **point.parts,
            "total": point.total,
            "gradient_norm": norm(point.gradient),
            **({} if along is None else {"slope": _ratio(norm(along), norm(point.gradient))}),
            "step": length,
            "evaluations": run.counts,
        }


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part / torch.where(whole > 0, whole, torch.ones_like(whole))


def _positions(wanted: Tensor, held: Tensor, n_problems: int) -> Tensor:
    """Where each wanted problem lies among the held ones, -1 if it does not."""
    lookup = torch.full((n_problems,), -1, dtype=torch.long, device=wanted.device)
    lookup[held] = torch.arange(held.numel(), device=wanted.device)
    return lookup[wanted]
