"""Sets of stimuli that differ while each is good enough, by hand."""

import pytest
import torch

from metameric._objective._diverse import Diverse, Farther, Weaker, pairwise_distances, spread_of

D = torch.float64


def shortfall(x, slack):
    """How far the first number of a stimulus is below one."""
    return slack * (1 - x[:, 0])


def sets(repair=0.0, multiplier=((0.5, 0.0),)):
    return Diverse(
        excess=shortfall,
        data={},
        embed=None,
        measure="mean",
        unit=torch.tensor([2.0], dtype=D),
        multiplier=torch.tensor(multiplier, dtype=D),
        weight=torch.tensor([10.0], dtype=D),
        slack=torch.ones(1, dtype=D),
        repair=torch.tensor([repair], dtype=D),
    )


def test_an_augmented_lagrangian_of_the_spread():
    x = torch.tensor([[[0.9, 0.0], [1.2, 0.4]]], dtype=D)  # 0.1 short; 0.2 more than enough; 0.5 apart
    terms = sets()(x)
    held = (0.5 + 10 * 0.1) ** 2 - 0.5**2 + 0.0
    torch.testing.assert_close(terms.total, torch.tensor([held / 20 - 0.5 / 2], dtype=D))
    parts = {name: value.squeeze(0).tolist() for name, value in terms.parts.items()}
    assert parts["spread"] == pytest.approx(0.5) and parts["distance"] == pytest.approx(0.5)
    assert parts["worst"] == pytest.approx(0.1) and parts["excess"] == pytest.approx([0.1, -0.2])


def test_in_repair_violations_alone_count():
    x = torch.tensor([[[0.9, 0.0], [1.2, 0.4]]], dtype=D, requires_grad=True)
    total = sets(repair=1.0)(x).total
    torch.testing.assert_close(total.detach(), torch.tensor([0.9], dtype=D))
    total.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[[-1.0, 0.0], [-1.0, 0.0]]], dtype=D))


def test_farther_is_the_excess_of_the_squared_relative_error():
    target = torch.tensor([[3.0, 4.0]], dtype=D)
    x = target + torch.tensor([[0.3, 0.4]], dtype=D)  # a tenth of it away
    tolerance, slack = torch.tensor([0.05], dtype=D), torch.tensor([1.0], dtype=D)
    farther = Farther(lambda x: x)
    torch.testing.assert_close(farther(x, target, tolerance, slack), torch.tensor([(2.0**2 - 1) / 2], dtype=D))
    torch.testing.assert_close(farther(x, target, tolerance, 2 * slack), torch.zeros(1, dtype=D))


def test_weaker_is_the_shortfall_in_its_unit():
    found = Weaker(lambda x: x.sum(1))(torch.tensor([[1.0, 2.0]]), *torch.tensor([[5.0], [4.0], [1.0]]))
    assert found.tolist() == [0.5]


def test_distances_of_equal_members_have_a_gradient_of_zero():
    points = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]], dtype=D, requires_grad=True)
    distances = pairwise_distances(points)
    assert distances[0].tolist() == [[0, 5, 0], [5, 0, 5], [0, 5, 0]]
    (gradient,) = torch.autograd.grad(distances[:, 0, 2].sum(), points)
    assert (gradient == 0).all()


def test_the_smooth_least_distance_has_a_bound_and_scales_with_its_set():
    """It is below the least by at most a twentieth of the mean times the logarithm of the number of pairs."""
    distances = torch.tensor([[[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]]], dtype=D)
    expected = 2 - 2 / 20 * torch.log(torch.tensor(3.0, dtype=D))
    torch.testing.assert_close(spread_of(distances, "least"), expected[None])


def test_the_mean_distance_is_over_all_pairs():
    distances = torch.tensor([[[0.0, 1.0, 5.0], [1.0, 0.0, 3.0], [5.0, 3.0, 0.0]]], dtype=D)
    assert spread_of(distances, "mean") == 3
