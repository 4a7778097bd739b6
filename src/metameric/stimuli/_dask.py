"""Jobs done by the workers of a Dask scheduler, which runs on one machine or on a cluster."""

import asyncio
import concurrent.futures
import contextlib
import inspect
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from metameric._core.errors import InputError, MissingDependencyError, StateError
from metameric.stimuli._executors import lost
from metameric.stimuli._queue import Queue
from metameric.stimuli._work import Job, Outcome, perform

# One job done and one waiting at every worker keeps all busy, and little is lost with the runner.
PER_WORKER = 2
TIMEOUT = 15
# Seconds after which a runner without workers says so.
PATIENCE = 10
LOGS = ("distributed", "distributed.client")
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)


class Dask:
    """The workers of the scheduler at an address. They need metameric, and no folder in common with the runner."""

    def __init__(self, address: str, threads: int | None = None, resources: dict[str, float] | None = None) -> None:
        try:
            import distributed
        except ImportError as error:
            raise MissingDependencyError("--scheduler needs Dask; pip install 'metameric[dask]'.") from error
        try:
            self.client: Any = distributed.Client(address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {address!r} within {TIMEOUT} s; start one by `dask scheduler` and "
                "workers by `dask worker ADDRESS --nthreads 1`, and give the address that it prints."
            ) from error
        self.address, self.threads, self.resources = address, threads, resources or {}
        takes = inspect.signature(self.client.scheduler_info).parameters
        self.every: dict[str, int] = {"n_workers": -1} if "n_workers" in takes else {}  # newer ones show 5 unasked
        self.alone = False
        # They log tracebacks of their own where `work` raises an error that says what to do.
        self.levels = {log: log.level for log in map(logging.getLogger, LOGS)}
        for log in self.levels:
            log.setLevel(logging.CRITICAL)

    def work(self, queue: Queue) -> Iterator[tuple[Job, list[Outcome]]]:
        """Do all jobs of the queue."""
        running: dict[Any, Job] = {}
        while queue or running:
            wanted = PER_WORKER * max(1, self._able())
            while queue and len(running) < wanted:
                job = queue.take()
                future = self.client.submit(
                    _perform, job, self.threads, pure=False, retries=0, resources=self.resources or None
                )
                running[future] = job
            for future in self._ended(list(running)):
                job = running.pop(future)
                yield job, self._outcomes(future, job)

    def _able(self) -> int:
        """Count the workers that may take a job."""
        try:
            workers = self.client.scheduler_info(**self.every)["workers"].values()
        except (OSError, TimeoutError, *CANCELLED) as error:
            raise self._lost() from error
        return sum(all(w["resources"].get(k, 0) >= v for k, v in self.resources.items()) for w in workers)

    def _ended(self, futures: list[Any]) -> list[Any]:
        """Wait for some of them, and say so if there is nobody to wait for."""
        import distributed

        while True:
            # Cancelled are those whose scheduler is gone.
            with self.client.as_current(), contextlib.suppress(TimeoutError, asyncio.TimeoutError, *CANCELLED):
                distributed.wait(futures, timeout=PATIENCE, return_when="FIRST_COMPLETED")
            if ended := [future for future in futures if future.status != "pending"]:
                self.alone = False
                return ended
            if self.client.status != "running":  # what was asked for while it went is never answered
                raise self._lost()
            if not self._able() and not self.alone:
                self.alone = True
                needed = "".join(f" with {name}={number:g}" for name, number in self.resources.items())
                warnings.warn(
                    f"no worker{needed} is at the scheduler at {self.address}; the run goes on as soon as there is one "
                    "(Ctrl-C ends it, finished trials are kept).",
                    stacklevel=2,
                )

    def _outcomes(self, future: Any, job: Job) -> list[Outcome]:
        import distributed

        if future.status in ("cancelled", "lost"):
            raise self._lost()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, distributed.scheduler.KilledWorker):
                return lost(job, "every worker that took this trial ended before its work did (killed, or no memory)")
            return lost(job, f"{type(error).__name__}: {error}")
        try:
            return list(future.result())
        except (OSError, *CANCELLED) as error:  # made, but gone with the scheduler before it came here
            raise self._lost() from error

    def _lost(self) -> StateError:
        self.levels = {}  # what the client has to say it logs after it was closed
        return StateError(
            f"the connection to the scheduler at {self.address} was lost; finished trials are kept: start the "
            "scheduler and its workers and run again."
        )

    def close(self) -> None:
        """Leave the scheduler; it drops what was asked of it."""
        self.client.close(timeout=2)
        for log, level in self.levels.items():
            log.setLevel(level)


def _perform(job: Job, threads: int | None) -> list[Outcome]:
    """Use as many threads as the worker was given, so that the workers of a machine do not fight for its cores."""
    from distributed import get_worker

    torch.set_num_threads(threads or get_worker().state.nthreads)
    return perform(job)
