"""The held metric: stimuli on its level set, and the gradient along it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.fixed import Fixed
from metameric._objective._contest import Contest, growth
from metameric._objective._held import Held
from metameric._objective._return import Return, scaled_to
from metameric._objective._trade_off import TradeOff
from metameric._solve._point import Evaluate
from metameric.problems import QuadraticMetric
from metameric.regularize._range import penalize_range


def quadratic(n: int, seed: int) -> QuadraticMetric:
    root = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return QuadraticMetric(root @ root.mT / n + 0.1 * torch.eye(n, dtype=torch.float64))


def fourth_power(x: Tensor, y: Tensor) -> Tensor:
    return ((x - y) ** 4).sum(1) + ((x - y) ** 2).sum(1)


def saturating(x: Tensor, y: Tensor) -> Tensor:
    return 1 - torch.exp(-((x - y) ** 2).sum(1))


def make(reference, low: float = -torch.inf, high: float = torch.inf, tolerance: float = 1e-12) -> tuple[Held, Tensor]:
    rng = torch.Generator().manual_seed(3)
    image = torch.full((2, 5), 0.5, dtype=torch.float64)
    start = image + 0.3 * torch.randn(2, 5, generator=rng, dtype=torch.float64)
    start = start.clamp(low, high)
    level = reference(start, image)
    contest = Contest((quadratic(5, 0), reference), Fixed(image), 0, 1, torch.tensor([1.0, -1.0]).double(), level)
    back = Return(growth(contest, start), low, high, tolerance, max_evaluations=40)
    return Held(contest, penalize_range, 0.0, back), start


def test_place_meets_the_level() -> None:
    for reference in (quadratic(5, 1), fourth_power, saturating):
        held, start = make(reference)
        away = start + 0.05 * torch.cos(torch.arange(10.0, dtype=torch.float64).reshape(2, 5))
        placed = held.place(away)
        torch.testing.assert_close(held.contest.reference_value(placed), held.contest.level, rtol=1e-10, atol=0)
        ratio = (placed - held.contest.image) / (away - held.contest.image)
        assert (ratio - ratio[:, :1]).abs().max() < 1e-12  # along the ray


def test_the_level_is_met_where_a_metric_rises_in_a_steep_step() -> None:
    """There the secant points out of the bracket."""

    def stepped(x: Tensor, y: Tensor) -> Tensor:
        distance = torch.linalg.vector_norm(x - y, dim=1).log()
        return (distance + 2 * torch.atan(8 * (distance - 0.3))).exp()

    levels = torch.logspace(-1, 1, 60, dtype=torch.float64)
    image, start = torch.zeros(60, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[:1].repeat(60, 1)
    contest = Contest((stepped,), Fixed(image), 0, 0, torch.ones(60), levels)
    found = Return(growth(contest, start))(contest, start).x
    torch.testing.assert_close(stepped(found, image), levels, rtol=3e-4, atol=0)


def test_place_within_bounds_keeps_pixels_at_a_bound() -> None:
    held, start = make(fourth_power, 0.0, 1.0)
    image = held.contest.image
    start = image + 0.4 * torch.tensor([1.0, -1, 1, -1, 1], dtype=torch.float64)
    held = replace(held, contest=replace(held.contest, level=fourth_power(start, image)))
    placed = held.place(start + torch.tensor([0.2, 0, 0.01, 0, 0], dtype=torch.float64))
    assert (placed[:, 0] == 1).all()
    assert (placed[:, 1] > start[:, 1]).all()
    assert placed[:, 1:].min() > 0
    torch.testing.assert_close(held.contest.reference_value(placed), held.contest.level, rtol=1e-10, atol=0)


def test_place_moves_all_pixels_where_those_at_a_bound_are_too_many() -> None:
    held, start = make(fourth_power, 0.0, 1.0)
    corner = torch.ones_like(start)
    for away in (corner, torch.cat([start[:1] + 0.01, corner[1:]])):
        placed = held.place(away)
        torch.testing.assert_close(held.contest.reference_value(placed), held.contest.level, rtol=1e-10, atol=0)


def test_gradient_is_that_along_the_level_set() -> None:
    for reference in (quadratic(5, 1), fourth_power, saturating):
        held, start = make(reference)
        point = Evaluate(held, 2, start.device)(start)
        assert (point.gradient * (point.x - held.contest.image)).sum(1).abs().max() < 1e-10
        for i in range(5):
            step = torch.zeros_like(start)
            step[:, i] = 1e-5
            ahead, behind = (held(held.place(point.x + s)).total for s in (step, -step))
            torch.testing.assert_close(point.gradient[:, i], (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-8)


def test_gradient_with_pixels_at_a_bound() -> None:
    held, start = make(fourth_power, 0.0, 1.0)
    image = held.contest.image
    at_bound = image + torch.tensor([0.5, -0.3, 0.2, -0.4, 0.1], dtype=torch.float64)
    held = replace(held, contest=replace(held.contest, level=fourth_power(at_bound, image)))
    point = Evaluate(held, 2, start.device)(at_bound)
    assert (point.x[:, 0] == 1).all()
    for i in range(1, 5):
        step = torch.zeros_like(start)
        step[:, i] = 1e-5
        ahead, behind = (held(held.place(point.x + s)).total for s in (step, -step))
        torch.testing.assert_close(point.gradient[:, i], (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-8)


def test_value_hardly_depends_on_the_tolerance() -> None:
    exact, start = make(fourth_power)
    rough, _ = make(fourth_power, tolerance=5e-4)
    away = start + 0.02
    values = [Evaluate(h, 2, start.device)(away).total for h in (exact, rough)]
    assert (values[0] / values[1] - 1).abs().max() < 1e-6


def test_a_stimulus_that_cannot_be_brought_back_is_refused() -> None:
    held, start = make(saturating)
    unreachable = Contest(
        held.contest.metrics, held.contest.fixed, 0, 1, held.contest.sign, torch.full((2,), 1.5).double()
    )
    point = Evaluate(Held(unreachable, penalize_range, 0.0, held.back), 2, start.device)(start)
    assert point.total.isnan().all()


def test_roles_may_differ_between_problems() -> None:
    held, start = make(quadratic(5, 1))
    one, two = held.contest.metrics
    image = held.contest.image
    mixed = Contest(
        (one, two), Fixed(image), torch.tensor([0, 1]), torch.tensor([1, 0]), held.contest.sign, torch.ones(2)
    )
    values = mixed.optimized_value(start), mixed.reference_value(start)
    torch.testing.assert_close(values[0], torch.stack([one(start, image)[0], two(start, image)[1]]))
    torch.testing.assert_close(values[1], torch.stack([two(start, image)[0], one(start, image)[1]]))
    last = mixed.rows(torch.tensor([1]))
    torch.testing.assert_close(last.optimized_value(start[1:]), values[0][1:])


def test_trade_off_is_the_weighted_sum() -> None:
    held, start = make(quadratic(5, 1))
    level = held.contest.level * 0.9
    contest = Contest(held.contest.metrics, held.contest.fixed, 0, 1, held.contest.sign, level)
    terms = TradeOff(contest, 7.0, penalize_range, 0.5)(start + 1)
    optimized, reference = (m(start + 1, contest.image) for m in contest.metrics)
    penalty = torch.stack([penalize_range(row) for row in start + 1])
    wanted = contest.sign * optimized + 7 * (reference - level) ** 2 + 0.5 * penalty
    torch.testing.assert_close(terms.total, wanted)
    torch.testing.assert_close(terms.parts["stray"], (reference / level - 1).abs())
    last = TradeOff(contest, 7.0, penalize_range, 0.5).rows(torch.tensor([1]))
    torch.testing.assert_close(last(start[1:] + 1).total, wanted[1:])


def test_landing_evaluates_the_reference_no_more_often_than_placing() -> None:
    held, start = make(fourth_power, tolerance=3e-4)
    calls = []

    def counted(x: Tensor, y: Tensor) -> Tensor:
        calls.append(len(x))
        return fourth_power(x, y)

    counted.each = counted
    held = replace(held, contest=replace(held.contest, metrics=(held.contest.metrics[0], counted)))
    placed = held.place(start + 0.05)
    placing = len(calls)
    x, terms = held.land((start + 0.05).requires_grad_())
    assert len(calls) == 2 * placing
    assert torch.equal(x, placed)
    again = held(placed.clone().requires_grad_())
    torch.testing.assert_close(terms.total, again.total)


def test_a_guided_return_takes_fewer_evaluations() -> None:
    held, start = make(fourth_power, tolerance=1e-6)
    parts = Evaluate(held, 2, start.device)(start).parts
    u = start - held.contest.image
    exact = torch.autograd.functional.jvp(
        lambda s: fourth_power(held.contest.image + s * u, held.contest.image).log(),
        torch.tensor(1.0).double(),
        torch.tensor(1.0).double(),
    )[1]
    torch.testing.assert_close(parts["growth"], exact)
    counts = []
    rough = replace(held, back=held.back.expecting(torch.full((2,), 2.0).double()))
    for view in (rough, rough.from_point(parts)):
        calls = []

        def counted(x: Tensor, y: Tensor, calls: list[int] = calls) -> Tensor:
            calls.append(len(x))
            return fourth_power(x, y)

        counted.each = counted
        replace(view, contest=replace(view.contest, metrics=(view.contest.metrics[0], counted))).place(1.02 * start)
        counts.append(sum(calls))
    assert counts[1] < counts[0]


def test_a_pixel_that_leaves_a_bound_by_little_changes_little() -> None:
    held, start = make(fourth_power, 0.0, 1.0)
    image = held.contest.image
    at_bound = image + torch.tensor([0.5, -0.5, 0.2, -0.4, 0.1], dtype=torch.float64)
    held = replace(held, contest=replace(held.contest, level=fourth_power(at_bound, image)))
    here = Evaluate(held, 2, start.device)(at_bound)
    inwards = torch.tensor([-1.0, 1, 0, 0, 0], dtype=torch.float64)
    for distance in (1e-9, 1e-6):
        there = Evaluate(held, 2, start.device)(at_bound + distance * inwards)
        assert ((there.x - at_bound).abs() <= 10 * distance).all()
        assert ((there.gradient - here.gradient).abs() <= 1e4 * distance).all()
        torch.testing.assert_close(there.total, here.total, rtol=100 * distance, atol=100 * distance)


def test_pixels_are_free_in_proportion_to_the_room_they_have() -> None:
    back = Return(torch.ones(1), 2.0, 6.0, margin=0.1)
    x = torch.tensor([[2.0, 2.1, 2.4, 4.0, 5.8, 6.0]])
    torch.testing.assert_close(back.freedom(x), torch.tensor([[0.0, 0.25, 1.0, 1.0, 0.5, 0.0]]))
    assert (replace(back, low=-torch.inf).freedom(x) == 1).all()


def test_growth_is_the_power_of_the_distance_and_two_where_there_is_none() -> None:
    def by_row(x: Tensor, y: Tensor) -> Tensor:
        distance = (x - y).abs().sum(1)
        return distance ** torch.tensor([0.5, 3.0, 0.05, 0.0], dtype=x.dtype)

    by_row.each = by_row  # type: ignore[attr-defined]
    image = torch.zeros(4, 2, dtype=torch.float64)
    level = torch.ones(4, dtype=torch.float64)
    contest = Contest((by_row, by_row), Fixed(image), 0, 1, level, level)
    expected = torch.tensor([0.5, 3.0, 2.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(growth(contest, image + 0.3), expected)


def test_a_start_is_scaled_only_to_values_that_can_be_reached() -> None:
    held, start = make(fourth_power, 0.0, 1.0)
    scaled = scaled_to(held.contest, start, torch.tensor([0.01, 0.02]), (0.0, 1.0))
    torch.testing.assert_close(
        fourth_power(scaled, held.contest.image), torch.tensor([0.01, 0.02]).double(), rtol=1e-4, atol=0
    )
    for value, message in (((0.01, 0.0), "expected more than 0"), ((0.01, 9.0), "no scale of the noise")):
        with pytest.raises(InputError, match=message):
            scaled_to(held.contest, start, torch.tensor(value), (0.0, 1.0))


def test_a_penalty_is_added_where_a_metric_is_held() -> None:
    held, start = make(quadratic(5, 1))
    fined = replace(held, penalty=lambda x: x.square().sum(), penalty_lambda=0.3)
    more = fined(start).total - held(start).total
    torch.testing.assert_close(more, 0.3 * start.square().sum(1))


def test_a_way_back_that_hardly_helps_is_given_up_soon_and_the_next_one_starts_from_what_is_known() -> None:
    """One free pixel of five: its way back ends at the image, long before the level is met."""
    held, start = make(fourth_power, 0.0, 1.0)
    away = torch.ones_like(start)
    away[:, 4] = 0.7
    counts = []
    for patience in (0.6, 1.0):
        seen: list[Tensor] = []

        def counted(x: Tensor, y: Tensor, seen: list[Tensor] = seen) -> Tensor:
            seen.append(x.detach().clone())
            return fourth_power(x, y)

        counted.each = counted
        contest = replace(held.contest, metrics=(held.contest.metrics[0], counted))
        placed = replace(held, contest=contest, back=replace(held.back, patience=patience)).place(away)
        torch.testing.assert_close(fourth_power(placed, held.contest.image), held.contest.level, rtol=1e-10, atol=0)
        assert sum(torch.equal(x, away) for x in seen) == 1
        counts.append(len(seen))
    assert counts[0] < counts[1]
