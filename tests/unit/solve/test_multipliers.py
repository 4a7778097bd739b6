"""Multipliers of inequality constraints, by hand."""

import pytest
import torch

from metameric._solve._multipliers import Exhausted, Multipliers
from metameric._solve._status import Status
from metameric._solve._trace import Trace

SETTLING = {"window": 2, "fraction": 1e-4, "finest": 2e-6, "tolerance": 1e-3}


def trace_of(excess, totals=(1.0, 1.0, 1.0)):
    """As many points as totals; constraints (batch, n_members) as they are at the last one."""
    trace = Trace()
    excess = torch.tensor(excess)
    for i, total in enumerate(totals):
        trace.append({"total": torch.full((len(excess),), total), "excess": excess}, float(i))
    return trace


def still(control):
    return torch.zeros(len(control["weight"]), dtype=torch.bool)


def begin(n_problems=1, n_members=2, **options):
    schedule = Multipliers(n_members, **{**SETTLING, **options})
    return schedule, schedule.start(n_problems, torch.device("cpu"))


def test_a_violated_constraint_pulls_and_one_that_holds_does_not():
    schedule, control = begin(n_problems=2)
    control, due = schedule.advance(control, trace_of([[0.2, -0.5], [-0.3, 0.1]]), still(control))
    assert due.all()
    torch.testing.assert_close(control["multiplier"], torch.tensor([[2.0, 0.0], [0.0, 1.0]]).double())
    torch.testing.assert_close(control["violation"], torch.tensor([0.2, 0.1]).double())
    assert control["weight"].tolist() == [10, 10]
    control, _ = schedule.advance(control, trace_of([[0.05, -0.5], [-0.08, 0.02]]), still(control))
    torch.testing.assert_close(control["multiplier"], torch.tensor([[2.5, 0.0], [0.0, 1.2]]).double())


def test_the_weight_grows_where_the_worst_violation_has_not_fallen_to_a_quarter():
    schedule, control = begin(n_problems=3)
    control, _ = schedule.advance(control, trace_of([[0.2, -1], [0.2, -1], [0.002, -1]]), still(control))
    # Just above a quarter, just below one, and above one but within the tolerance.
    control, _ = schedule.advance(control, trace_of([[0.051, -1], [0.049, -1], [0.0009, -1]]), still(control))
    torch.testing.assert_close(control["weight"], torch.tensor([30.0, 10.0, 10.0]).double())


def test_what_a_constraint_pulls_beyond_being_met_is_a_violation_too():
    schedule, control = begin(n_members=1)
    control, _ = schedule.advance(control, trace_of([[0.2]]), still(control))
    control, _ = schedule.advance(control, trace_of([[-0.05]]), still(control))
    torch.testing.assert_close(control["violation"], torch.tensor([0.05]).double())
    torch.testing.assert_close(control["multiplier"], torch.tensor([[1.5]]).double())
    # No more than what its multiplier makes up for.
    most = 1.5 / float(control["weight"])
    control, _ = schedule.advance(control, trace_of([[-0.7]]), still(control))
    torch.testing.assert_close(control["violation"], torch.tensor([most]).double())
    assert control["multiplier"].tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("totals", "due"),
    [((1, 1), False), ((2, 1, 1), False), ((1 + 2e-4, 1, 1), False), ((1 + 5e-5, 1, 1), True), ((5, 1, 1, 1), True)],
)
def test_updates_wait_until_the_value_has_settled(totals, due):
    schedule, control = begin()
    trace = trace_of([[0.2, 0.1]], [float(t) for t in totals])
    assert schedule.advance(control, trace, still(control))[1].tolist() == [due]
    assert schedule.advance(control, trace, ~still(control))[1].all()  # nothing better will come


def test_small_values_settle_relative_to_one():
    schedule, control = begin()
    small = trace_of([[0.2, 0.1]], [5e-5, 1e-6, 1e-6])
    assert schedule.advance(control, small, still(control))[1].all()
    large = trace_of([[0.2, 0.1]], [-1000.05, -1000.1, -1000.1])
    assert schedule.advance(control, large, still(control))[1].all()


def test_patience_and_its_absence():
    falling = [5.0, 4.0, 3.0, 2.0, 1.0]
    for patience, due in ((None, False), (4, True), (5, False)):
        schedule, control = begin(patience=patience)
        assert schedule.advance(control, trace_of([[0.2, 0.1]], falling), still(control))[1].tolist() == [due]


def test_wide_requirements_become_tight_and_multipliers_with_them():
    schedule, control = begin(n_members=1, slack=6.0)
    assert control["slack"].tolist() == [6]
    control, _ = schedule.advance(control, trace_of([[0.9]]), still(control))
    torch.testing.assert_close(control["slack"], torch.tensor([2.0]).double())
    torch.testing.assert_close(control["multiplier"], torch.tensor([[1.0]]).double())  # 9, of squares a third as wide
    control, _ = schedule.advance(control, trace_of([[0.0]]), still(control))
    torch.testing.assert_close(control["slack"], torch.tensor([1.0]).double())
    torch.testing.assert_close(control["multiplier"], torch.tensor([[0.25]]).double())


def test_a_problem_ends_where_all_hold_closely_settled_and_without_slack():
    schedule, control = begin()
    assert not schedule.finished(control).any()
    fractions = []
    for _ in range(2):
        control, due = schedule.advance(control, trace_of([[0.0005, -1.0]]), still(control))
        fractions.append(float(control["fraction"]))
    assert fractions == pytest.approx([1e-5, 2e-6])
    assert schedule.finished(control).all() and due.all()
    assert not schedule.advance(control, trace_of([[0.0005, -1.0]]), still(control))[1].any()
    for name, value in (("violation", 0.002), ("slack", 1.5), ("fraction", 1e-5)):
        assert not schedule.finished({**control, name: torch.tensor([value]).double()}).any(), name


def test_once_the_budget_is_spent_only_violations_count():
    schedule, control = begin(budget=3, slack=5.0)
    assert schedule.advance(control, trace_of([[0.5, 0.1]]), still(control))[0]["repair"].tolist() == [0]
    control, due = schedule.advance(control, trace_of([[0.5, 0.1]], [4.0, 3.0, 2.0, 1.0]), still(control))
    assert due.all() and control["repair"].tolist() == [1] and control["slack"].tolist() == [1]
    assert schedule.finished(control).all()
    assert not schedule.advance(control, trace_of([[0.5, 0.1]], [1.0] * 5), still(control))[1].any()


def test_with_a_budget_repair_begins_as_soon_as_all_hold():
    schedule, control = begin(budget=100)
    for _ in range(2):
        assert not schedule.finished(control).any()
        control, _ = schedule.advance(control, trace_of([[0.0005, -1.0]]), still(control))
    assert control["repair"].tolist() == [1] and schedule.finished(control).all()


def test_a_weight_does_not_grow_for_ever_and_its_end_is_no_success():
    schedule, control = begin(n_members=1, most=100.0)
    for _ in range(4):
        assert not schedule.finished(control).any()
        control, _ = schedule.advance(control, trace_of([[0.2]]), still(control))
    assert control["weight"].tolist() == [100] and schedule.finished(control).all()
    trace = trace_of([[0.2]])
    trace.append({**control, "total": torch.ones(1)}, 1.0)
    assert Exhausted(100.0)(trace).tolist() == [Status.STALLED.code]
    assert Exhausted(101.0)(trace).tolist() == [0]
