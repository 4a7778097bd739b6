"""The line search by itself, on functions of one variable."""

import pytest
import torch

from metameric._objective._terms import Terms
from metameric._solve._line_search import StrongWolfe
from metameric._solve._point import Evaluate

PRECISE = {"curvature": 1e-9}


class Alone:
    """The same function of one number for every problem."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x):
        return Terms(self.function(x[:, 0]), {})

    def rows(self, index):
        return self


def search(function, first, direction=1.0, dtype=torch.float64, **settings):
    """Search from 0; return the outcome and how many trials each problem took."""
    first = torch.as_tensor(first, dtype=dtype)
    evaluate = Evaluate(Alone(function), len(first), first.device)
    start = evaluate(torch.zeros(len(first), 1, dtype=dtype))
    heading = torch.full_like(start.x, direction)
    outcome = StrongWolfe(**settings)(evaluate, start, heading, first.double().numpy(), torch.add, lambda x, d: d)
    return outcome, evaluate.counts - 1


@pytest.mark.parametrize(
    "function",
    [
        lambda t: (t - 2) ** 2,
        lambda t: (t - 0.1) ** 4,
        lambda t: torch.cosh(t - 3),
        lambda t: torch.log1p((t - 5) ** 2),
        lambda t: (1 + 0.3 * torch.cos(9 * t)) * (t - 1) ** 2,
    ],
)
@pytest.mark.parametrize("curvature", [0.9, 0.1])
def test_the_wolfe_conditions_hold_wherever_the_search_begins(function, curvature):
    outcome, trials = search(function, [1e-3, 1e-2, 0.1, 1, 10, 100], curvature=curvature)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    value = function(zero)
    (slope,) = torch.autograd.grad(value, zero)
    assert outcome.improved.all() and outcome.saw_finite.all() and (trials <= 20).all()
    assert (outcome.point.total < value.detach()).all()
    assert (outcome.point.gradient[:, 0] >= curvature * slope).all()
    # The approximate condition takes steps beyond the minimum of any slope that is less steep than the first.
    assert (outcome.point.gradient[:, 0] <= -slope * (1 - 2e-4)).all()


@pytest.mark.parametrize("first", [3.0, 1.5], ids=["beyond where it is lower", "beyond its minimum"])
def test_the_minimum_of_a_cubic_is_the_second_trial(first):
    outcome, trials = search(lambda t: t**3 - 3 * t, [first], **PRECISE)
    assert trials.tolist() == [2]
    torch.testing.assert_close(outcome.point.x, torch.ones(1, 1, dtype=torch.float64))


def test_the_minimum_of_a_parabola_is_found_from_before_it():
    """Where the slope would vanish; but no step is more than ten times as long as the one before."""
    outcome, trials = search(lambda t: (t - 1) ** 2, [0.2, 0.01, 0.001], **PRECISE)
    assert trials.tolist() == [2, 3, 4]
    torch.testing.assert_close(outcome.point.x, torch.ones(3, 1, dtype=torch.float64))


def test_a_step_becomes_at_least_twice_as_long_while_the_function_falls():
    """This one falls ever more slowly: the secant rule alone would hardly go on."""
    outcome, trials = search(lambda t: -torch.log(1 + t) + 1e-4 * t, [1e-3], curvature=0.01)
    assert outcome.improved.all() and trials <= 20
    assert 50 < float(outcome.point.x) < 1e5


def test_a_step_that_falls_too_little_is_neither_taken_nor_kept():
    """The slope at 1.5 would do, and the value is lower there; but by less than was asked."""
    strict = {"decrease": 0.4, "curvature": 0.9}
    outcome, trials = search(lambda t: (t - 1) ** 2, [1.5], **strict)
    assert trials.tolist() == [2]
    torch.testing.assert_close(outcome.point.x, torch.ones(1, 1, dtype=torch.float64))
    outcome, _ = search(lambda t: (t - 1) ** 2, [1.5], **strict, max_evaluations=1)
    assert not outcome.improved.any() and outcome.point.x.tolist() == [[0.0]]


def test_it_goes_back_from_where_the_function_is_not_finite():
    for bad in (torch.nan, torch.inf):
        outcome, _ = search(lambda t, bad=bad: torch.where(t > 0.05, bad, (t - 0.04) ** 2), [1.0, 1e-3])
        assert outcome.improved.all() and outcome.saw_finite.all()
        assert (outcome.point.x > 0).all() and (outcome.point.x <= 0.05).all()


def test_where_nothing_is_finite_the_start_is_kept_and_this_is_said():
    outcome, trials = search(lambda t: torch.where(t > 0, torch.nan, 1 - t), [1.0], max_evaluations=7)
    assert not outcome.improved.any() and not outcome.saw_finite.any()
    assert outcome.point.x.tolist() == [[0.0]] and trials.tolist() == [7]


def test_uphill_costs_nothing_and_blames_no_value():
    outcome, trials = search(lambda t: t + 1, [1.0], direction=1.0)
    assert trials.tolist() == [0]
    assert not outcome.improved.any() and outcome.saw_finite.all()
    assert search(lambda t: t + 1, [1.0], direction=-1.0)[0].improved.all()


def test_each_problem_ends_by_itself():
    """A good first step is taken at once, whatever the others do."""
    outcome, trials = search(lambda t: (t - 1) ** 2, [1.0, 1e-3, 500.0], **PRECISE)
    assert trials[0] == 1 and outcome.point.x[0] == 1
    assert (trials[1:] > 1).all()


def test_in_float32_slopes_decide_where_values_agree_to_rounding():
    """The parabola is lost in its offset, all values being the same to the last bit; its slope is not."""
    outcome, trials = search(lambda t: 1e4 + (t - 1e-3) ** 2, [1e-3 / 2], dtype=torch.float32, curvature=0.9)
    assert outcome.improved.all() and trials.tolist() == [1]
