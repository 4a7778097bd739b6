"""Rules over the record of a run: when to stop, when to go to the next stage."""

import pytest
import torch

from metameric._solve._coarse_to_fine import CoarseToFine
from metameric._solve._status import Status
from metameric._solve._stop import Below, Early, Plateau
from metameric._solve._trace import Trace

STALLED = Status.STALLED.code


def trace_of(totals, **columns):
    """One problem."""
    trace = Trace()
    for i, total in enumerate(totals):
        others = {name: torch.tensor([column[i]]) for name, column in columns.items()}
        trace.append({"total": torch.tensor([float(total)]), **others}, float(i))
    return trace


@pytest.mark.parametrize(
    ("totals", "flat"),
    [
        ([100.0, 99.5], True),
        ([100.0, 98.5], False),
        # Relative to the size of what it was before, whatever its sign.
        ([-100.0, -100.5], True),
        ([-100.0, -101.5], False),
        ([0.01, 0.00995], True),
        ([0.01, 0.0095], False),
    ],
)
def test_a_plateau_is_a_small_fall_relative_to_the_value(totals, flat):
    assert Plateau(0.01, 1)(trace_of(totals)).tolist() == [STALLED * flat]
    assert Plateau(0.01, 2)(trace_of(totals)).tolist() == [0]
    assert Plateau(0.01, 2)(trace_of([totals[0], *totals])).tolist() == [STALLED * flat]


def test_starts_that_are_not_the_last_end_by_the_rough_rule_too():
    rule = Below("total", 1.0) | Early(Plateau(0.1, 1), 2)
    for changes, code in ((0, STALLED), (1, STALLED), (2, 0), (3, 0)):
        assert rule(trace_of([5.0, 4.9], changes=[changes] * 2)).tolist() == [code]
        assert rule(trace_of([5.0, 3.0], changes=[changes] * 2)).tolist() == [0]
        # The fine rule's answer counts where both have one.
        assert rule(trace_of([0.9, 0.9], changes=[changes] * 2)).tolist() == [1]


@pytest.mark.parametrize(
    ("fraction", "enough", "totals", "error", "due"),
    [
        (0.1, None, [9.0, 8.0, 7.5], 1.0, False),
        (0.1, None, [9.0, 8.0, 8.5], 1.0, True),
        # Not yet as many iterations as there are to look back over.
        (0.1, None, [8.0, 8.0], 1.0, False),
        (None, None, [9.0, 5.0, 1.0], 1.0, True),
        (None, None, [9.0, 5.0], 1.0, False),
        (0.1, 1e-3, [9.0, 5.0], 1e-3, True),
        (0.1, 1e-3, [9.0, 5.0], 2e-3, False),
        # Without a fraction every stage has its iterations, good as it may be.
        (None, 1e-3, [9.0, 5.0], 1e-4, False),
    ],
)
def test_a_stage_is_left_when_it_is_done(fraction, enough, totals, error, due):
    stages, still = CoarseToFine(3, fraction, 2, enough), torch.tensor([False])
    trace = trace_of(totals, error=[error] * len(totals))
    for stage, moves in ((0, due), (1, due), (2, False)):
        control, changed = stages.advance({"stage": torch.tensor([stage])}, trace, still)
        assert changed.tolist() == [moves] and control["stage"].tolist() == [stage + moves]
    assert stages.advance({"stage": torch.tensor([0])}, trace, ~still)[1].tolist() == [True]
    assert stages.start(2, torch.device("cpu"))["stage"].tolist() == [0, 0]


def test_what_happened_before_a_stage_began_does_not_count():
    stages = CoarseToFine(3, 0.1, 1, None)
    for changes, due in (([0, 0], True), ([0, 1], False)):
        trace = trace_of([8.0, 8.0], changes=changes)
        assert stages.advance({"stage": torch.tensor([1])}, trace, torch.tensor([False]))[1].tolist() == [due]
