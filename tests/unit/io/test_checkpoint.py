import os
import signal

import pytest
import torch

import metameric as mm
from metameric._solve._observe import Observer
from metameric._solve._stop import Never


def make():
    return mm.Metamer(torch.full((1, 5), 0.3), mm.problems.LinearModel.random(2, 5))


class _Counting(mm.Metamer):
    saves = 0

    def save(self, file_path):
        self.saves += 1
        super().save(file_path)


def test_saves_at_both_ends_and_no_more_often_than_asked(tmp_path):
    rare = _Counting(torch.full((1, 5), 0.3), mm.problems.LinearModel.random(2, 5))
    rare.synthesize(7, progress=False, stop=Never(), observers=[mm.io.Checkpoint(tmp_path / "a", seconds=1000)])
    assert rare.saves == 2
    often = _Counting(torch.full((1, 5), 0.3), mm.problems.LinearModel.random(2, 5))
    often.setup(seed=0)
    often.synthesize(7, progress=False, stop=Never(), observers=[mm.io.Checkpoint(tmp_path / "a", seconds=0)])
    assert often.run.iteration > 2
    assert often.saves == 1 + often.run.iteration + 1


def test_the_end_is_in_the_file(tmp_path):
    synthesis = make()
    result = synthesis.synthesize(9, progress=False, observers=[mm.io.Checkpoint(tmp_path / "a")])
    loaded = make()
    loaded.load(tmp_path / "a")
    assert loaded.result.status == result.status
    assert torch.equal(loaded.metamer, result.stimulus)


@pytest.mark.parametrize("times", [1, 2])
def test_interrupted_while_saving(tmp_path, times, monkeypatch):
    """Whatever the moment, there is a whole file, and it can be gone on with."""
    import metameric.io._atomic as atomic

    replace = os.replace
    seen = []

    def press(*args):
        seen.append(args)
        if len(seen) == 4:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        replace(*args)

    monkeypatch.setattr(atomic.os, "replace", press)
    synthesis = make()
    synthesis.setup(seed=0, optimizer=torch.optim.SGD)  # goes on for as long as it is let
    try:
        synthesis.synthesize(9, progress=False, stop=Never(), observers=[mm.io.Checkpoint(tmp_path / "a", seconds=0)])
    except KeyboardInterrupt:
        assert times == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert synthesis.run.iteration == 3
    loaded = make()
    loaded.load(tmp_path / "a")
    loaded.synthesize(2, progress=False)


def test_observers_are_told_whose_run_it_is():
    class Ask(Observer):
        def attach(self, owner):
            self.owner = owner

    ask, synthesis = Ask(), make()
    synthesis.synthesize(1, progress=False, observers=[ask])
    assert ask.owner is synthesis
