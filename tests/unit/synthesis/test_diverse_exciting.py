"""Sets of exciting inputs whose members cannot all be as good as the best, and syntheses within others."""

import os
import signal

import pytest
import torch

import metameric as mm
from metameric._solve._status import Status

QUIET = {"progress": False}
SHAPE = (1, 1, 6, 6)
TARGET = torch.rand(SHAPE, generator=torch.Generator().manual_seed(3))


def below_zero(x):
    return -1 - (x - TARGET).square().mean((1, 2, 3))


def two_hills(x):
    """A hill of height 2 on one side and one of height 1 on the other, flat between them."""
    along = x.mean((1, 2, 3)) - 0.5
    return 2 * torch.exp(-((along - 0.3) ** 2) / 0.04) + torch.exp(-((along + 0.3) ** 2) / 0.04)


def test_negative_responses_fall_short_by_a_fraction_of_their_size():
    diverse = mm.DiverseExcitingInputs(below_zero, SHAPE, 3, 0.9, constraint=mm.Box(0, 1))
    result = diverse.synthesize(1000, **QUIET)
    assert result.converged
    best = float(result.figures["best_response"])
    weakest = float(below_zero(diverse.stimulus[0]).min())
    assert best - 0.11 * abs(best) < weakest < best - 0.05 * abs(best)
    assert float(result.figures["weakest_of_best"]) == pytest.approx(1 - (best - weakest) / abs(best), abs=1e-5)


def test_a_best_response_of_nothing_is_no_unit():
    silent = mm.DiverseExcitingInputs(lambda x: (x.mean((1, 2, 3)) - 9).relu(), SHAPE, 2, constraint=mm.Box(0, 1))
    result = silent.synthesize(50, **QUIET)
    assert result.status != [Status.NON_FINITE]
    assert all(bool(values.isfinite().all()) for values in result.figures.values())


def test_members_from_a_poorer_hill_begin_near_the_best():
    start = torch.stack([torch.full(SHAPE[1:], 0.75), torch.full(SHAPE[1:], 0.25)])[None]
    diverse = mm.DiverseExcitingInputs(two_hills, SHAPE, 2, constraint=mm.Box(0, 1))
    diverse.setup(start)
    assert bool((two_hills(diverse._start[0]) > 0.84 * 2).all())
    assert float(diverse.independent_distances.max()) > 0


def pressed(response, call):
    """Press Ctrl-C once, in one of the calls."""
    calls = []

    def watched(x):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return response(x)

    return watched


SINE = torch.linspace(-3, 3, 36)


def wavy(x):
    return torch.exp(2 * torch.sin(x.flatten(1) @ SINE))


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda call: mm.DiverseExcitingInputs(pressed(wavy, call), SHAPE, 3), {}),
        (lambda call: mm.MostExcitingInput(pressed(wavy, call), SHAPE), {"n_starts": 8}),
        (lambda call: mm.DiverseMetamers(TARGET, pressed(torch.sin, call), 2, 1e-3), {}),
    ],
    ids=["diverse", "starts", "metamers"],
)
def test_ctrl_c_during_setup_is_not_taken_for_its_end(make, options):
    whole = make(None)
    whole.setup(seed=0, **options)
    interrupted = make(8)
    with pytest.raises(KeyboardInterrupt):
        interrupted.setup(seed=0, **options)
    assert interrupted.stimulus.numel() == 0
    interrupted.setup(seed=0, **options)
    assert torch.equal(interrupted.stimulus, whole.stimulus)
