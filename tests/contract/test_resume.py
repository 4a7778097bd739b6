"""A run in pieces is the same as a run in one: bit for bit, through files, errors, Ctrl-C and new processes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import metameric as mm
from metameric._solve._observe import Observer
from metameric._solve._status import Status

IN_NEW_PROCESSES = ["Metamer-LBFGS", "Metamer-Adam-StepLR", "MetamerCTF-LBFGS"]


def _whole(case):
    synthesis = case.new()
    case.run(synthesis, case.iterations)
    return synthesis


def test_calls_in_succession(case, identical):
    whole = _whole(case)
    for split in case.splits:
        pieces = case.new()
        case.run(pieces, split)
        case.run(pieces, case.iterations - split)
        identical(pieces, whole)


def test_through_a_file(case, identical, tmp_path):
    whole = _whole(case)
    for split in case.splits:
        first = case.new()
        case.run(first, split)
        first.save(tmp_path / "part")
        second = case.make(torch.float32)
        second.load(tmp_path / "part")
        identical(second, first)
        assert torch.equal(case.answer(second), case.answer(first))
        assert repr(second) == repr(first)
        case.run(second, case.iterations - split)
        identical(second, whole)
        # Saving has not disturbed the first one, nor do the two share anything.
        case.run(first, case.iterations - split)
        identical(first, whole)


def test_before_the_first_step(case, tmp_path):
    fresh, again = case.new(), case.make(torch.float32)
    fresh.save(tmp_path / "start")
    again.load(tmp_path / "start")
    case.run(fresh, 3)
    case.run(again, 3)
    assert torch.equal(case.answer(fresh), case.answer(again))


def test_through_many_files(case, identical, tmp_path):
    pieces = case.new()
    case.run(pieces, 0)
    for _ in range(case.iterations // 4):
        pieces.save(tmp_path / "part")
        pieces = case.make(torch.float32)
        pieces.load(tmp_path / "part")
        case.run(pieces, 4)
    identical(pieces, _whole(case))


class _Press(Observer):
    """Press Ctrl-C at an iteration, once or twice."""

    def __init__(self, at, times=1):
        self.at, self.times = at, times

    def step(self, run):
        if run.iteration == self.at:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("times", [1, 2])
def test_interrupt_loses_nothing(case, identical, times):
    broken = case.new()
    result = case.run(broken, case.iterations, observers=[_Press(4, times)])
    assert broken.run.iteration == 4
    assert Status.INTERRUPTED in result.status
    assert "interrupted" in result.summary()
    case.run(broken, case.iterations - 4)
    identical(broken, _whole(case))


def test_checkpoint_holds_the_last_iteration_when_all_goes_wrong(case, identical, tmp_path):
    class Fail(Observer):
        def step(self, run):
            if run.iteration == 6:
                raise ZeroDivisionError

    checkpoint = mm.io.Checkpoint(tmp_path / "check", seconds=0)
    lost = case.new()
    with pytest.raises(ZeroDivisionError):
        case.run(lost, case.iterations, observers=[checkpoint, Fail()])
    found = case.make(torch.float32)
    found.load(tmp_path / "check")
    assert found.run.iteration == 6
    case.run(found, case.iterations - 6)
    identical(found, _whole(case))
    assert [p.name for p in tmp_path.iterdir()] == ["check"]


CHILD = """
import importlib.util, signal, sys, time, torch
spec = importlib.util.spec_from_file_location("table", sys.argv[1])
table = importlib.util.module_from_spec(spec)
sys.modules["table"] = table
spec.loader.exec_module(table)
import metameric as mm
from metameric._solve._observe import Observer

class Slow(Observer):
    def step(self, run):
        if run.iteration == 1:
            print("begun", flush=True)
        time.sleep(0.002)

case = {c.name: c for c in table.CASES}[sys.argv[2]]
path, total = sys.argv[3], int(sys.argv[4])
synthesis = case.make(torch.float32)
try:
    synthesis.load(path)
    done = synthesis.run.iteration
except FileNotFoundError:
    case.setup(synthesis)
    done = 0
checkpoint = mm.io.Checkpoint(path, seconds=0.05)
case.run(synthesis, total - done, observers=[Slow(), checkpoint])
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run may have come to its own end before the blow
print(synthesis.run.iteration, synthesis.run.codes.tolist(), flush=True)
"""


@pytest.mark.parametrize("name", IN_NEW_PROCESSES)
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_interrupted_at_a_random_moment_and_resumed_in_a_new_process(cases, name, blow, identical, tmp_path):
    total = 150
    table = str(Path(__file__).with_name("conftest.py"))
    command = [sys.executable, "-W", "ignore", "-c", CHILD, table, name, str(tmp_path / "run"), str(total)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout.readline() == "begun\n"
    delay = random.uniform(0.0, 0.2)
    time.sleep(delay)
    child.send_signal(blow)
    child.communicate(timeout=60)
    if blow == signal.SIGINT:
        assert child.returncode == 0, delay
    broken = cases[name].make(torch.float32)
    broken.load(tmp_path / "run")
    assert broken.run.iteration < total, delay

    # A run that came to its own end before the blow has nothing to go on with: asked again, it would try anew.
    if any(status in (Status.RUNNING, Status.INTERRUPTED) for status in broken.run.status):
        subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, env=environment)
    resumed = cases[name].make(torch.float32)
    resumed.load(tmp_path / "run")
    whole = cases[name].new()
    cases[name].run(whole, total)
    identical(resumed, whole)
