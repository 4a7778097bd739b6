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


def two_loops(gradient, pairs):
    """The classical recursion (Nocedal & Wright 2006, alg. 7.4), oldest pair first."""
    q, coefficients = gradient.clone(), []
    for s, y in reversed(pairs):
        a = (s @ q) / (s @ y)
        q = q - a * y
        coefficients.append(a)
    s, y = pairs[-1]
    q = q * (s @ y) / (y @ y)
    for (s, y), a in zip(pairs, reversed(coefficients), strict=True):
        q = q + s * (a - (y @ q) / (s @ y))
    return -q


@pytest.mark.parametrize("which", [0, 1], ids=["bowl", "wave"])
def test_directions_are_those_of_the_two_loop_recursion(which):
    """Also when the memory is full and turns over; pairs of negative curvature have no part in it."""
    history, pairs, refused = 4, [], 0
    solver, evaluate = mm.LBFGS(history=history), Evaluate(Two((which,)), 1, torch.device("cpu"))
    point = evaluate(torch.linspace(2.2, 3.0, 7, dtype=torch.float64)[None])
    memory = solver.start(point)
    for _ in range(12):
        direction, slope, known = solver._direction(point, -point.gradient, memory, FREE)
        kept = [(s, y) for s, y in pairs[-history:] if s @ y > 0]
        if known.all():
            torch.testing.assert_close(direction[0], two_loops(point.gradient[0], kept), rtol=1e-7, atol=1e-10)
            assert slope[0] == pytest.approx(float((direction * point.gradient).sum()))
        step = solver.step(evaluate, point, memory, FREE)
        pair = (step.point.x - point.x)[0], (step.point.gradient - point.gradient)[0]
        if pair[0] @ pair[1] > 0:
            pairs.append(pair)
        else:
            refused += 1
        point, memory = step.point, step.memory
        if float(point.gradient.abs().max()) < 1e-5:
            break
    assert len(pairs) > history
    assert refused == 0 or which == 1
