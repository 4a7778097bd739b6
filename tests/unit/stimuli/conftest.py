"""A folder with models of one's own, of which some fail on purpose, and a Dask cluster started by hand."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from metameric.stimuli import Specification

MODELS = """
import os, signal, time
import torch

def blur(x):
    return torch.nn.functional.avg_pool2d(x, 4)

def fails_on_bright(x):
    if float(x.detach().mean()) > 0.9:
        raise RuntimeError("too bright")
    return torch.nn.functional.avg_pool2d(x, 4)

def hungry(x):
    if x.requires_grad and float(x.detach().mean()) > 0.9:
        torch.empty(10**15)
    return torch.nn.functional.avg_pool2d(x, 4)

def tells_threads(x):
    if x.requires_grad:
        raise RuntimeError(f"{torch.get_num_threads()} threads")
    return x

class Once:
    '''Fails, or dies, until a file is there.'''
    def __init__(self, flag, die=False):
        self.flag, self.die = flag, die
    def __call__(self, x):
        if x.requires_grad and not os.path.exists(self.flag):
            open(self.flag, "w").close()
            if self.die:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("for once")
        return torch.nn.functional.avg_pool2d(x, 4)

class Deadly:
    '''Takes its process with it, as running out of memory does, on one image.'''
    def __call__(self, x):
        if x.requires_grad and float(x.detach().mean()) > 0.9:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.nn.functional.avg_pool2d(x, 4)

class Slow:
    def __init__(self, seconds=0.05):
        self.seconds = seconds
    def __call__(self, x):
        if x.requires_grad:
            time.sleep(self.seconds)
        return torch.nn.functional.avg_pool2d(x, 4)
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    """The file of the models above."""
    file = tmp_path / "own_models.py"
    file.write_text(textwrap.dedent(MODELS))
    return os.fspath(file)


@pytest.fixture
def small(models: str) -> Specification:
    return Specification(
        images=["camera", "coffee"],
        models=[f"{models}:blur"],
        methods=["metamer", {"method": "mad", "minmax": "max", "max_iter": 5}, "eigendistortions"],
        seeds=[0, 1],
        size=16,
    )


class Cluster:
    """A scheduler and its workers on loopback, started as a user would start them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen] = []
        self.scheduler: subprocess.Popen | None = None
        self.address = ""

    def _start(self, *words: str) -> subprocess.Popen:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-m", *words, "--no-dashboard"], env=environment, **quiet)

    def start(self, *options: str, n_workers: int = 2) -> None:
        note = self.folder / "scheduler.json"
        note.unlink(missing_ok=True)
        where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(note))
        self.scheduler = self._start("distributed.cli.dask_scheduler", *where)
        while not note.is_file():
            time.sleep(0.1)
            assert self.scheduler.poll() is None
        self.address = json.loads(note.read_text())["address"]
        for _ in range(n_workers):
            self.add(*options)

    def add(self, *options: str) -> None:
        more = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder), *options)
        self.workers.append(self._start("distributed.cli.dask_worker", self.address, *more))

    def stop(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()
        self.workers.clear()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that is not started yet."""
    pytest.importorskip("distributed", reason="DASK IS NOT INSTALLED: the Dask executor is NOT tested")
    (tmp_path / "dask").mkdir()
    found = Cluster(tmp_path / "dask")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with two workers, one of which says that it has a graphics processor."""
    found = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        found.start(n_workers=1)
        found.add("--resources", "GPU=1", "--name", "gpu")
        yield found.address
    finally:
        found.stop()
