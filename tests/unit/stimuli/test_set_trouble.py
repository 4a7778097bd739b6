"""Full disks, folders that cannot be written to, memory that ends: what a set says, and that it can go on."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from metameric._core.errors import FileError, InputError
from metameric.io import save_png
from metameric.stimuli import Specification, run, verify

SPEC = Specification(images=["camera"], models=["Identity"], methods=["metamer"], size=16)
MESSAGE = r"cannot be written: No space left on device\. Finished trials are kept: make room"
# Of one trial: what the set is to be (4), the runner, the image (2), the stimulus (3), its record, the manifest (2).
WRITES = 13


def count_writes(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, fail_at: int | None = None) -> int:
    """Run the set; its `fail_at`-th call of os.fsync or os.replace finds the disk full."""
    real, calls = getattr(os, name), []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) - 1 == fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, full)
        if fail_at is None:
            run(SPEC, folder, progress=False)
        else:
            with pytest.raises(FileError, match=MESSAGE):
                run(SPEC, folder, progress=False)
    return len(calls)


def test_number_of_writes(tmp_path, monkeypatch):
    assert count_writes(tmp_path, monkeypatch, "replace") == WRITES


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("place", range(WRITES))
def test_the_disk_is_full_at_every_single_write(tmp_path, monkeypatch, name, place):
    count_writes(tmp_path, monkeypatch, name, place)
    assert not list(tmp_path.rglob("*.part"))
    assert run(SPEC, tmp_path, progress=False).complete
    found = verify(tmp_path)
    assert found.clean and found.trials == 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=200k", "tmpfs", folder):
        pytest.skip("NOT TESTED: only the administrator can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def mount(*words) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def test_a_disk_that_is_really_full(disk):
    spec = SPEC.model_copy(update={"seeds": list(range(100)), "size": [32]})
    with pytest.raises(FileError, match=MESSAGE):
        run(spec, disk / "set", progress=False)
    assert not list(disk.rglob("*.part"))
    before = {f: f.stat().st_mtime_ns for f in (disk / "set" / "trials").iterdir()}
    assert 0 < len(before) < 100
    assert mount("-o", "remount,size=20m", disk)
    assert run(spec, disk / "set", progress=False).complete
    assert before.items() <= {f: f.stat().st_mtime_ns for f in (disk / "set" / "trials").iterdir()}.items()
    assert verify(disk / "set").clean


def test_a_disk_that_cannot_be_written_to(disk):
    assert mount("-o", "remount,ro", disk)
    with pytest.raises(InputError, match=r"cannot be made: Read-only file system; choose a folder"):
        run(SPEC, disk / "set", progress=False)
    assert mount("-o", "remount,rw", disk)
    run(SPEC, disk / "set", progress=False)
    assert mount("-o", "remount,ro", disk)
    with pytest.raises(InputError, match="cannot be written to; change its permissions"):
        run(SPEC, disk / "set", progress=False)


@pytest.mark.slow
def test_a_worker_without_memory_fails_at_its_trial_only(tmp_path, models):
    bright = tmp_path / "bright.png"
    save_png(bright, torch.ones(16, 16))
    spec = Specification(
        images=["camera", str(bright)], models=[f"{models}:hungry"], methods=["metamer"], size=16, retries=0
    )
    for options in ({}, {"workers": 1}):
        found = run(spec, tmp_path / f"set{len(options)}", progress=False, **options)
        assert (found.failed, found.waiting, found.planned) == (1, 0, 2)
        assert "memory" in found.failures[0]["error"] and "bright" in found.failures[0]["what"]
