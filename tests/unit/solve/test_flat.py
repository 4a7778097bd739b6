"""Where an objective has no gradient there is nothing to be converged to."""

import pytest
import torch

import metameric as mm
from metameric._solve._status import Status
from metameric._solve._stop import Flat
from metameric._solve._trace import Trace


def silent(x):
    return torch.relu(x.mean((1, 2, 3)) - 100)


@pytest.mark.parametrize("options", [{}, {"stop_criterion": 1e-3}, {"kicks": 1}])
def test_a_silent_unit_is_not_converged(options):
    search = mm.MostExcitingInput(silent, (1, 1, 8, 8))
    result = search.synthesize(60, progress=False, **options)
    assert not result.converged and result.figures["response"].item() == 0
    if "kicks" not in options:
        assert result.status == [Status.FLAT] and "ReLU" in result.summary()
        assert search.synthesize(60, progress=False).status == [Status.FLAT]


def test_silence_is_what_the_least_exciting_input_brings_about():
    assert mm.MostExcitingInput(silent, (1, 1, 8, 8), least=True).synthesize(9, progress=False).converged


def test_flat_since_the_last_change_only():
    trace = Trace()
    for gradient, changes in (([1.0, 0.0, 0.0], [0, 0, 0]), ([0.0, 0.0, 1.0], [1, 0, 0])):
        trace.append({"gradient_norm": torch.tensor(gradient), "changes": torch.tensor(changes)}, 0.0)
    assert Flat()(trace).tolist() == [Status.FLAT.code, Status.FLAT.code, 0]
