"""Random changes of stimuli: how far they go, and that they go there."""

from dataclasses import replace

import pytest
import torch

import metameric as mm
from metameric._objective._composed import Composed
from metameric._objective._function import Function


def rngs(n):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def test_shifts_reach_as_far_as_said_and_no_further():
    point = torch.zeros(400, 1, 9, 9)
    point[..., 4, 4] = 1
    moved = mm.RandomJitter(2)(point, rngs(400))
    where = moved.mean((0, 1)) > 0
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[2:7, 2:7] = True
    assert torch.equal(where, expected)
    assert (moved.sum((1, 2, 3)) == 1).all()


def test_shifts_go_around_the_edges(rng):
    x = torch.rand(1, 1, 4, 4, generator=rng)
    moved = mm.RandomJitter(3)(x, rngs(1))
    assert not torch.equal(moved, x) and torch.equal(moved.flatten().sort().values, x.flatten().sort().values)


def test_crops_come_from_everywhere():
    x = torch.arange(5 * 7.0).reshape(1, 1, 5, 7).expand(300, 1, 5, 7)
    cut = mm.RandomCrop(3)(x, rngs(300))
    corners = cut[:, 0, 0, 0].long()
    assert set(corners.tolist()) == {7 * i + j for i in range(3) for j in range(5)}
    expected = torch.arange(3)[:, None] * 7 + torch.arange(3)
    assert torch.equal(cut[:, 0], (corners[:, None, None] + expected).float())


@pytest.mark.parametrize("shape", [(16, 16), (12, 20)])
def test_rotations_turn_about_the_centre_within_the_angle_both_ways(shape):
    """Two ramps in place of an image: what they say at a pixel is where its value comes from."""
    height, width = shape
    rows, columns = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    ramps = torch.stack([rows, columns]).double()[None].expand(200, 2, height, width)
    turned = mm.RandomRotation(20)(ramps, rngs(200))
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    away = torch.complex(ramps[inner][:, 1], ramps[inner][:, 0])
    came = torch.complex(turned[inner][:, 1], turned[inner][:, 0])
    torch.testing.assert_close(came.abs(), away.abs())
    angles = torch.rad2deg((came / away).angle()).flatten(1)
    assert angles.std(1).max() < 1e-9
    assert -20 <= angles.min() < -18 and 18 < angles.max() <= 20


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_a_point_is_blurred_to_a_gaussian(sigma):
    point = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    point[..., 20, 20] = 1
    blurred = mm.GaussianBlur(sigma)(point)[0, 0]
    assert float(blurred.sum()) == pytest.approx(1)
    offsets = torch.arange(41.0, dtype=torch.float64) - 20
    for profile in (blurred.sum(0), blurred.sum(1)):
        assert float(profile @ offsets) == pytest.approx(0, abs=1e-9)
        # The kernel ends at three standard deviations, which takes a little of the variance.
        assert 0.95 * sigma**2 < float(profile @ offsets.square()) <= 1.01 * sigma**2
    end = 20 + round(3 * sigma)
    assert blurred[20, end] > 1e-6 > 1e-12 > blurred[20, end + 1].abs()


def test_an_objective_sees_what_the_transforms_make_each_with_its_own_numbers():
    def double(x, random):
        return 2 * x + torch.stack([torch.rand(1, generator=g) for g in random])

    seeds, draw = torch.tensor([3, 4]), torch.tensor([0, 7])
    composed = Composed(Function(lambda x: x.sum(1), {}, 1.0), None, None, (double, double), None, seeds, draw)
    x = torch.tensor([[1.0], [5.0]])
    apart = [composed.rows(torch.tensor([i]))(x[i : i + 1]).total for i in (0, 1)]
    torch.testing.assert_close(composed(x).total, torch.cat(apart))
    random = [torch.Generator().manual_seed(1_000_003 * s + d) for s, d in ((3, 0), (4, 7))]
    torch.testing.assert_close(composed(x).total, double(double(x, random), random).sum(1))
    assert not torch.equal(replace(composed, draw=draw + 1)(x).total, composed(x).total)
