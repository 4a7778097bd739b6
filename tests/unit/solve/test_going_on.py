"""Which problems run when a run goes on."""

import torch

import metameric as mm
from metameric._solve._status import Status

QUIET = {"progress": False}


def flat_at_zero():
    """Two problems: the first can be solved, the second starts where the gradient vanishes."""
    metamer = mm.Metamer(torch.tensor([[0.5, 0.7], [0.5, 0.7]]), lambda x: x * x)
    metamer.setup(torch.tensor([[0.9, 0.1], [0.0, 0.0]]))
    return metamer


def test_a_failed_problem_waits_for_the_others():
    metamer = flat_at_zero()
    first = metamer.synthesize(1, **QUIET)
    assert first.status == [Status.STEP_LIMIT, Status.STALLED]
    evaluations = metamer.run.counts.clone()
    metamer.synthesize(1, **QUIET)
    assert metamer.run.counts[0] > evaluations[0]
    assert metamer.run.counts[1] == evaluations[1]


def test_once_all_have_ended_going_on_means_trying_again():
    metamer = flat_at_zero()
    assert metamer.synthesize(**QUIET).status == [Status.CONVERGED, Status.STALLED]
    before, evaluations = metamer.run.iteration, metamer.run.counts.clone()
    assert metamer.synthesize(**QUIET).status == [Status.CONVERGED, Status.STALLED]
    assert metamer.run.iteration == before + 1
    assert metamer.run.counts[0] == evaluations[0]
