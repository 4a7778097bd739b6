"""Running a set: what is not there yet is synthesised, written and counted."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from metameric._core.errors import FileError, InputError
from metameric.stimuli._dask import Dask
from metameric.stimuli._executors import Executor, InProcess, Processes
from metameric.stimuli._manifest import manifest, write_manifest
from metameric.stimuli._plan import Plan, Trial
from metameric.stimuli._plan import plan as make_plan
from metameric.stimuli._progress import Progress
from metameric.stimuli._queue import Queue
from metameric.stimuli._specification import Specification
from metameric.stimuli._status import SetStatus, status_of
from metameric.stimuli._store import Store
from metameric.stimuli._work import Job, Outcome, interrupted


def run(
    specification: Specification,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    threads: int | None = None,
    resources: dict[str, float] | None = None,
    progress: bool | None = True,
) -> SetStatus:
    """Synthesise the trials of a set that its folder does not hold yet.

    Parameters
    ----------
    specification
        What to synthesise.
    folder
        Where; made if it is missing. One runner at a time writes to it.
    workers
        Number of local processes; by default everything runs in this one.
    scheduler
        Address of a Dask scheduler, whose workers do the work.
    threads
        Threads of each worker; by default the cores are shared out among local processes, and a Dask worker uses as
        many as it was started with.
    resources
        Dask resources that each job needs, for instance ``{"GPU": 1}``.
    progress
        Show a progress bar; None shows it in terminals, and elsewhere writes a line for every group that is finished.

    Raises
    ------
    ValueError
        If the specification cannot be used, the folder cannot be written to, or the disk is full.
    RuntimeError
        If another runner is at work on the folder, or the scheduler is lost.

    Notes
    -----
    A trial that fails is tried again as often as the specification says, then recorded as failed; the rest goes on.
    Ctrl-C ends the run; finished trials are kept. In a script, call this below ``if __name__ == "__main__":`` when
    `workers` is given, since every worker imports the script.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(images=["camera"], models=["Gaussian"], methods=["metamer"], size=16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mm.stimuli.run(spec, folder, progress=False).complete
    True
    """
    if workers is not None and scheduler is not None:
        raise InputError("both workers and scheduler are given; choose one of them.")
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; expected at least 1.")

    def executor() -> Executor:
        if scheduler is not None:
            return Dask(scheduler, threads, resources)
        return InProcess(threads) if workers is None else Processes(workers, threads)

    store = Store(folder)
    # What cannot be planned leaves no folder behind.
    plan = None if store.folder.exists() else make_plan(specification)
    with _writing(), store.locked():
        if plan is None or (store.folder / "models.json").is_file():
            plan = make_plan(specification, folder)
        store.begin(plan)
        stopped = _carry_out(store, plan, executor, progress)
        rows = manifest(store, plan)
        write_manifest(store, rows)
    return status_of(store, plan, rows, stopped)


def retry(
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    threads: int | None = None,
    resources: dict[str, float] | None = None,
    progress: bool | None = True,
) -> SetStatus:
    """Run the set in a folder again, trials that failed included; arguments as for `run`.

    Examples
    --------
    >>> import tempfile, metameric as mm
    >>> spec = mm.stimuli.Specification(
    ...     images=["camera"], models=["Gaussian"], methods=["metamer"], seeds=[0, 1], size=16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = mm.stimuli.run(spec, folder, progress=False)
    ...     mm.stimuli.retry(folder, progress=False).failed
    0
    """
    store = Store(folder)
    specification = store.plan().specification
    with store.locked():
        store.forget_failures()
    return run(
        specification,
        folder,
        workers=workers,
        scheduler=scheduler,
        threads=threads,
        resources=resources,
        progress=progress,
    )


def _carry_out(store: Store, plan: Plan, make_executor: Callable[[], Executor], progress: bool | None) -> bool:
    """Do what is waiting; return whether the user ended it before its time."""
    there = store.finished() | store.failed()
    waiting = [trial for trial in plan.trials if trial.key not in there]
    if not waiting:
        return False
    trials = {trial.key: trial for trial in waiting}
    queue = Queue(plan, waiting)
    with Progress(plan, waiting, progress) as shown, _closing(make_executor) as e:
        try:
            for job, outcomes in e.work(queue):
                for outcome in outcomes:
                    trial = trials[outcome.key]
                    if outcome.error is not None and job.attempt <= plan.specification.retries:
                        queue.append([trial], job.attempt + 1)
                    elif not interrupted(outcome):
                        _keep(store, plan, trial, job, outcome)
                        shown.done(trial)
                if any(map(interrupted, outcomes)):
                    return True
        except KeyboardInterrupt:
            return True
    return False


def _keep(store: Store, plan: Plan, trial: Trial, job: Job, outcome: Outcome) -> None:
    outcome = replace(outcome, attempts=job.attempt)
    if outcome.error is not None:
        store.write_failure(trial, outcome)
    else:
        store.write(trial, outcome, plan.specification, job.image_of(trial.key))


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except FileError as error:
        if not isinstance(error.__cause__, OSError) or isinstance(error.__cause__, ValueError):
            raise
        raise FileError(f"{error} Finished trials are kept: make room or mend the folder, and run again.") from error


@contextlib.contextmanager
def _closing(make: Callable[[], Executor]) -> Iterator[Executor]:
    executor = make()
    try:
        yield executor
    finally:
        executor.close()
