"""Sets on the workers of a Dask scheduler, started as a user would start them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="DASK IS NOT INSTALLED: the Dask executor is NOT tested")

from safetensors.torch import load_file
from torch.testing import assert_close

from metameric._core.errors import InputError
from metameric.stimuli import _dask, run, verify

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """Address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    note = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
    processes = [subprocess.Popen([*dask, *options], env=environment, **quiet)]
    try:
        while not note.is_file():
            time.sleep(0.1)
            assert processes[0].poll() is None
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(note)]
        more = ["--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(folder)]
        processes += [subprocess.Popen([*worker, *more], env=environment, **quiet) for _ in range(2)]
        yield __import__("json").loads(note.read_text())["address"]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_dask_workers_make_the_same_set(scheduler, small, tmp_path):
    spec = small.model_copy(update={"batch_size": 2})
    run(spec, tmp_path / "here", progress=False)
    found = run(spec, tmp_path / "there", progress=False, scheduler=scheduler)
    assert found.complete
    for file in (tmp_path / "here" / "stimuli").glob("*.safetensors"):
        other = tmp_path / "there" / "stimuli" / Path(file).name
        assert_close(load_file(file)["stimulus"], load_file(other)["stimulus"], rtol=1e-4, atol=1e-4)
    assert verify(tmp_path / "there").clean


def test_a_failure_comes_back_with_its_error(scheduler, small, models, tmp_path):
    spec = small.model_copy(update={"images": small.images[:1], "methods": small.methods[:1], "retries": 0})
    own = small.models[0].model_copy(
        update={"name": f"{models}:Once", "options": {"flag": str(tmp_path / "flag")}, "label": "once"}
    )
    spec = spec.model_copy(update={"models": [own], "batch_size": 1, "seeds": [0]})
    (failure,) = run(spec, tmp_path / "set", progress=False, scheduler=scheduler).failures
    assert "for once" in failure["error"]


def test_nobody_at_the_address(small, tmp_path, monkeypatch):
    monkeypatch.setattr(_dask, "TIMEOUT", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run(small, tmp_path / "set", progress=False, scheduler="tcp://127.0.0.1:9")
