"""The line search gives up where more trials can gain nothing, and not before."""

import pytest
import torch
from torch import Tensor

from metameric._objective._terms import Terms
from metameric._solve._constraint import FREE
from metameric._solve._line_search import Outcome, StrongWolfe
from metameric._solve._point import Evaluate


class Curve:
    """One function of one number for every problem."""

    def __init__(self, function) -> None:
        self.function = function

    def __call__(self, x: Tensor) -> Terms:
        return Terms(self.function(x[:, 0]), {})

    def rows(self, index: Tensor) -> "Curve":
        return self


def search(function, dtype: torch.dtype) -> tuple[Outcome, int]:
    evaluate = Evaluate(Curve(function), 1, torch.device("cpu"))
    start = evaluate(torch.zeros(1, 1, dtype=dtype))
    first = torch.ones(1, dtype=dtype)
    outcome = StrongWolfe()(evaluate, start, -start.gradient.sign(), first.double().numpy(), FREE.move, FREE.tangent)
    return outcome, int(evaluate.counts[0]) - 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_a_kink_it_keeps_the_best_step(dtype) -> None:
    outcome, trials = search(lambda x: (x - 0.3).abs() + 1, dtype)
    assert bool(outcome.improved)
    assert abs(float(outcome.point.x) - 0.3) < 0.01
    assert trials < 12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_a_jump_it_sees_that_there_is_no_way_down(dtype) -> None:
    outcome, _ = search(lambda x: 1 - x + (x > 0), dtype)
    assert not bool(outcome.improved)
    assert float(outcome.point.x) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_finds_a_step_much_smaller_than_the_first(dtype) -> None:
    outcome, _ = search(lambda x: 1 - x + 1e4 * x**2, dtype)
    assert bool(outcome.improved)
    assert 0 < float(outcome.point.x) < 1e-4
