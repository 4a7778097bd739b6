"""Where jobs are done: in this process, in local processes, or by the workers of a Dask scheduler."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Protocol, runtime_checkable

import torch

from metameric._core.errors import InputError
from metameric.stimuli._queue import Queue
from metameric.stimuli._work import Job, Outcome, perform


@runtime_checkable
class Executor(Protocol):
    """Takes jobs from a queue, to which more may be added while it works, and yields each with its outcomes."""

    def work(self, queue: Queue) -> Iterator[tuple[Job, list[Outcome]]]:
        """Do all jobs of the queue."""

    def close(self) -> None:
        """Let go of everything, work under way included."""


def lost(job: Job, why: str) -> list[Outcome]:
    """Return the outcomes of a job whose worker ended before it did."""
    return [Outcome(key, error=why) for key in job.keys]


class InProcess:
    """One job after the other, here."""

    def __init__(self, threads: int | None = None) -> None:
        self.before = torch.get_num_threads()
        if threads is not None:
            torch.set_num_threads(threads)

    def work(self, queue: Queue) -> Iterator[tuple[Job, list[Outcome]]]:
        """Do all jobs of the queue."""
        while queue:
            job = queue.take()
            yield job, perform(job)

    def close(self) -> None:
        """Give the process its number of threads back."""
        torch.set_num_threads(self.before)


class Processes:
    """Several processes of this machine. Each is a pool of its own, so that one that dies takes only its own job."""

    def __init__(self, n_workers: int, threads: int | None = None) -> None:
        if n_workers < 1:
            raise InputError(f"workers is {n_workers}; expected at least 1.")
        self.threads = threads or max(1, available_cores() // n_workers)
        self.context = multiprocessing.get_context("spawn")
        # Workers watch this pipe: it closes when this process ends, however it ends, and they end with it.
        self.running: dict[Future[list[Outcome]], tuple[int, Job]] = {}
        self.watched, self.held = self.context.Pipe(duplex=False)
        self.pools = [self._pool() for _ in range(n_workers)]

    def _pool(self) -> ProcessPoolExecutor:
        arguments = (self.threads, self.watched)
        return ProcessPoolExecutor(1, mp_context=self.context, initializer=_begin_worker, initargs=arguments)

    def work(self, queue: Queue) -> Iterator[tuple[Job, list[Outcome]]]:
        """Do all jobs of the queue."""
        running, idle = self.running, set(range(len(self.pools)))
        while queue or running:
            while queue and idle:
                place, job = idle.pop(), queue.take()
                running[self.pools[place].submit(perform, job)] = place, job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place, job = running.pop(future)
                try:
                    outcomes = future.result()
                except BrokenProcessPool:
                    self.pools[place].shutdown(wait=False)
                    self.pools[place] = self._pool()
                    outcomes = lost(job, "the worker process ended before its work did (killed, or out of memory)")
                idle.add(place)
                yield job, outcomes

    def close(self) -> None:
        """End the workers, in the middle of their work if need be."""
        if self.running:
            self.held.close()
        for pool in self.pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self.held.close()
        self.watched.close()


def _begin_worker(threads: int, watched: Connection) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the runner decides
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()


def _end_with(watched: Connection) -> None:
    try:
        watched.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def available_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
