"""Problems solved together take the steps that each takes alone, whatever happens to the memory of the others."""

import pytest
import torch

import metameric as mm
from metameric._objective._terms import Terms
from metameric._solve._constraint import FREE
from metameric._solve._point import Evaluate

STEPS = 14


class Two:
    """A bowl of one condition, and a wave whose curvature is negative where the search begins."""

    def __init__(self, which=(0, 1)):
        self.which = torch.tensor(which)

    def __call__(self, x):
        scales = torch.linspace(1, 30, x.shape[1], dtype=x.dtype)
        bowl, wave = (scales * x.square()).sum(1), (2 - torch.cos(x - 0.3) + 0.05 * x.square()).sum(1)
        return Terms(torch.where(self.which == 0, bowl, wave), {})

    def rows(self, index):
        return Two(self.which[index].tolist())


def run(which, forget=None):
    """Return the points of a run, with what is known of a problem forgotten half way."""
    objective, solver = Two(which), mm.LBFGS(history=4)
    x = torch.stack(
        [torch.linspace(-1.0, 2.5, 7, dtype=torch.float64), torch.linspace(2.2, 3.0, 7, dtype=torch.float64)]
    )
    evaluate = Evaluate(objective, len(which), x.device)
    point = evaluate(x[list(which)])
    memory, points = solver.start(point), []
    for i in range(STEPS):
        if forget is not None and i == STEPS // 2:
            memory = solver.forget(memory, torch.tensor([w == forget for w in which]))
        step = solver.step(evaluate, point, memory, FREE)
        point, memory = step.point, step.memory
        points.append(point.x)
    return torch.stack(points), point.total


@pytest.mark.parametrize("forget", [None, 0, 1])
def test_together_as_alone(forget):
    together, totals = run((0, 1), forget)
    for k in (0, 1):
        alone, total = run((k,), forget)
        torch.testing.assert_close(together[:, k], alone[:, 0], rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(totals[k], total[0], rtol=1e-9, atol=1e-10)
    assert totals[0] < 1e-2 and totals[1] < 7.6


def test_a_history_that_turns_over_keeps_the_latest_steps():
    """With as many steps as dimensions remembered, a bowl is solved in about as many; with one it takes longer."""
    totals = []
    for history in (1, 7):
        solver, evaluate = mm.LBFGS(history=history), Evaluate(Two((0,)), 1, torch.device("cpu"))
        point = evaluate(torch.linspace(-1.0, 2.5, 7, dtype=torch.float64)[None])
        memory = solver.start(point)
        for _ in range(16):
            step = solver.step(evaluate, point, memory, FREE)
            point, memory = step.point, step.memory
        totals.append(float(point.total))
    assert totals[1] < 1e-3 * totals[0]
