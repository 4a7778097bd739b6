"""Jobs done by the workers of a Dask scheduler, which runs on one machine or on a cluster."""

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

    def work(self, queue: Queue) -> Iterator[tuple[Job, list[Outcome]]]:
        """Do all jobs of the queue."""
        import distributed

        running: dict[Any, Job] = {}
        waiting = distributed.as_completed(loop=self.client.loop)
        while queue or running:
            n_workers = max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))
            while queue and len(running) < PER_WORKER * n_workers:
                job = queue.take()
                future = self.client.submit(
                    _perform, job, self.threads, pure=False, retries=0, resources=self.resources or None
                )
                running[future] = job
                waiting.add(future)
            future = next(waiting)
            job = running.pop(future)
            yield job, self._outcomes(future, job)

    def _outcomes(self, future: Any, job: Job) -> list[Outcome]:
        import distributed

        if future.status in ("cancelled", "lost"):
            raise StateError(
                f"the connection to the scheduler at {self.address} was lost; finished trials are kept: start the "
                "scheduler and its workers and run again."
            )
        if future.status == "error":
            error = future.exception()
            if isinstance(error, distributed.scheduler.KilledWorker):
                return lost(job, "every worker that took this trial ended before its work did (killed, or no memory)")
            return lost(job, f"{type(error).__name__}: {error}")
        return list(future.result())

    def close(self) -> None:
        """Leave the scheduler; it drops what was asked of it."""
        self.client.close(timeout=2)


def _perform(job: Job, threads: int | None) -> list[Outcome]:
    """Use as many threads as the worker was given, so that the workers of a machine do not fight for its cores."""
    from distributed import get_worker

    torch.set_num_threads(threads or get_worker().state.nthreads)
    return perform(job)
