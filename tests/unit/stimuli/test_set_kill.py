"""Killed at any moment and run again, a set is complete, with nothing repeated and nothing half-written."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metameric.stimuli import status, verify
from metameric.stimuli._store import Store

SPEC = """
images: [camera, coffee, moon]
models: [{{name: '{models}:Slow', options: {{seconds: 0.01}}}}]
methods: [{{method: metamer, max_iter: 4}}]
seeds: 0-3
size: 16
batch_size: 2
"""
MOMENTS = random.Random(0)


def start(spec: Path, out: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "metameric.cli", "set", "run", str(spec), "--out", str(out), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def finish(spec: Path, out: Path) -> None:
    process = start(spec, out)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 3, errors  # a few iterations are not enough to converge


def until_begun(out: Path, process: subprocess.Popen) -> None:
    while not (out / "environment.json").is_file() and process.poll() is None:
        time.sleep(0.02)


@pytest.fixture
def spec(tmp_path: Path, models: str) -> Path:
    file = tmp_path / "set.yaml"
    file.write_text(SPEC.format(models=models))
    return file


def check(out: Path, finished: dict[str, int]) -> None:
    assert status(out).complete
    assert not list(out.rglob("*.part"))
    records = {key: (out / "trials" / f"{key}.json").stat().st_mtime_ns for key in finished}
    assert records == finished  # nothing that was finished was done again
    found = verify(out, sample=2)
    assert found.clean and found.trials == 12
    named = {f["path"] for key in Store(out).finished() for s in Store(out).record(key)["stimuli"]
             for f in s["files"].values()}  # fmt: skip
    assert named == {f"stimuli/{f.name}" for f in (out / "stimuli").iterdir()}


def times(out: Path) -> dict[str, int]:
    return {f.stem: f.stat().st_mtime_ns for f in (out / "trials").glob("[!.]*.json")}


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["in process", "local processes"])
def test_the_runner_is_killed(spec, tmp_path, options):
    out = tmp_path / "set"
    process = start(spec, out, *options)
    until_begun(out, process)
    time.sleep(MOMENTS.uniform(0.05, 0.6) + 4 * bool(options))
    process.kill()
    process.communicate()
    before = times(out)
    for file in (out / "trials").glob("[!.]*.json"):
        json.loads(file.read_text())
    finish(spec, out)
    check(out, before)


@pytest.mark.slow
def test_workers_end_with_their_runner(spec, tmp_path):
    out = tmp_path / "set"
    process = start(spec, out, "--workers", "1")
    until_begun(out, process)
    while not (found := _children(process.pid)) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(3)
    found = _children(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(map(_alive, found)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in found if _alive(pid)]


def _children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    if not file.exists():
        pytest.skip("NOT TESTED: this system does not list the children of a process")
    return [int(word) for word in file.read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_ctrl_c(spec, tmp_path):
    out = tmp_path / "set"
    process = start(spec, out)
    until_begun(out, process)
    while not times(out) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"waiting" in output and b"Traceback" not in errors
    before = times(out)
    assert 0 < len(before) < 12
    finish(spec, out)
    check(out, before)


KILLS = int(os.environ.get("METAMERIC_KILLS", "3"))
VICTIMS = ("scheduler", "worker", "runner")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kill", range(KILLS))
def test_anybody_of_a_dask_cluster_is_killed(spec, tmp_path, cluster, kill):
    """METAMERIC_KILLS=20 asks for more moments than the three of every day."""
    victim, moment, out = VICTIMS[kill % 3], random.Random(100 + kill), tmp_path / "set"
    cluster.start()
    process = start(spec, out, "--scheduler", cluster.address)
    until_begun(out, process)
    n = moment.randrange(10)
    while len(times(out)) < n and process.poll() is None:
        time.sleep(0.005)
    time.sleep(moment.uniform(0, 0.1))
    {"scheduler": cluster.scheduler, "worker": cluster.workers[0], "runner": process}[victim].kill()
    _, errors = process.communicate(timeout=200)
    if victim == "runner":
        assert process.returncode in (-signal.SIGKILL, 3)
    elif victim == "scheduler":
        assert process.returncode in (2, 3), errors.decode()
        said = errors.decode().splitlines()  # one line, and no traceback
        assert process.returncode == 3 or (len(said) == 1 and ("was lost" in said[0] or "no Dask scheduler" in said[0]))
    else:
        assert process.returncode == 3, errors  # the other worker does it all
    before = times(out)
    assert len(before) == 12 or victim != "worker"
    cluster.stop()
    cluster.start()
    again = start(spec, out, "--scheduler", cluster.address)
    _, errors = again.communicate(timeout=200)
    assert again.returncode == 3, errors
    check(out, before)
