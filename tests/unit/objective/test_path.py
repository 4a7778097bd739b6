"""Paths of stimuli: their shape, and the frames that are there at each level of bisection."""

import itertools

import pytest
import torch

import metameric as mm
from metameric._objective._path import Bisection, Path, path_energy


def test_curvature_is_the_angle_between_steps_of_any_length(rng):
    sequence = torch.randn(6, 5, generator=rng, dtype=torch.float64).cumsum(0)
    steps = sequence.diff(dim=0)
    cosines = torch.nn.functional.cosine_similarity(steps[1:], steps[:-1], dim=1)
    torch.testing.assert_close(mm.curvature(sequence), torch.rad2deg(torch.arccos(cosines)))
    torch.testing.assert_close(mm.curvature(sequence, lambda x: 3 * x[:, :2]), mm.curvature(sequence[:, :2]))


@pytest.mark.parametrize(
    ("n_steps", "knots"), [(8, [[0, 4, 8], [0, 2, 4, 6, 8], list(range(9))]), (5, [[0, 2, 5], [0, 1, 2, 3, 5]])]
)
def test_each_level_adds_the_middles_between_the_frames_before(n_steps, knots):
    basis = Bisection.of(n_steps, torch.zeros(1))
    assert [basis.knots(level) for level in range(len(knots))] == knots
    assert basis.knots(9) == list(range(n_steps + 1))


def test_a_coarse_path_is_straight_between_its_frames(rng):
    basis = Bisection.of(8, torch.zeros(1, dtype=torch.float64))
    ends = torch.randn(1, 2, 3, generator=rng, dtype=torch.float64)
    z = torch.randn(1, 7, 3, generator=rng, dtype=torch.float64)
    for level in range(3):
        finer = torch.tensor([found > level for found in basis.levels])
        path = basis.frames(ends, z.masked_fill(finer[None, :, None], 0))
        knots = basis.knots(level)
        for a, b in itertools.pairwise(knots):
            line = torch.lerp(path[:, a, None], path[:, b, None], torch.linspace(0, 1, b - a + 1).double()[:, None])
            torch.testing.assert_close(path[:, a : b + 1], line)


def test_excess_is_0_at_the_bound_and_1_at_the_pixel_fade():
    """The model bends the straight line between the images, and there is a path that it sees as straight."""
    basis = Bisection.of(4, torch.zeros(1, dtype=torch.float64))
    ends = torch.tensor([[[0.0, 0.0], [2.0, 1.0]]], dtype=torch.float64)

    def model(x):
        return torch.stack([x[:, 0], x[:, 1] - x[:, 0] ** 2], 1)

    seen = model(ends[0])[None]
    fade = basis.frames(ends, torch.zeros(1, 3, 2, dtype=torch.float64))
    scale = path_energy(model(fade[0])[None])
    objective = Path(model, basis, ends, seen, scale, level=2)
    terms = objective(basis.coordinates(fade))
    torch.testing.assert_close(terms.parts["excess"], torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(terms.total, torch.ones(1, dtype=torch.float64))
    t = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
    straight = torch.lerp(seen[0, 0], seen[0, 1], t)
    best = torch.stack([straight[:, 0], straight[:, 1] + straight[:, 0] ** 2], 1)[None]
    parts = objective(basis.coordinates(best)).parts
    torch.testing.assert_close(parts["excess"], torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(parts["gap"], torch.ones(1, dtype=torch.float64))


def test_steps_count_by_the_time_they_take():
    path = torch.tensor([[[0.0], [3.0], [7.0]]])
    assert path_energy(path) == 9 + 16
    assert path_energy(path, torch.tensor([0, 1, 3])) == 9 + 16 / 2


def test_a_line_may_lie_anywhere(rng):
    sequence = torch.randn(5, 3, generator=rng, dtype=torch.float64)
    for found, shifted in zip(mm.deviation_from_line(sequence), mm.deviation_from_line(sequence + 7), strict=True):
        torch.testing.assert_close(found, shifted)
    along, off = mm.deviation_from_line(torch.tensor([[1.0, 1.0], [3.0, 2.0], [1.0, 5.0]]))
    torch.testing.assert_close(along, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(off, torch.tensor([0.0, 0.5, 0.0]))


def test_two_frames_have_no_shape():
    with pytest.raises(ValueError, match="2 frames"):
        mm.curvature(torch.zeros(2, 3))


def test_pixels_and_a_penalty_count_by_their_weights(rng):
    basis = Bisection.of(4, torch.zeros(1, dtype=torch.float64))
    ends = torch.tensor([[[0.0, 0.0], [2.0, 1.0]]], dtype=torch.float64)
    z = torch.randn(1, 3, 2, generator=rng, dtype=torch.float64)
    plain = Path(lambda x: 3 * x, basis, ends, 3 * ends, torch.tensor([5.0], dtype=torch.float64), level=2)
    weighed = Path(
        plain.model, basis, ends, 3 * ends, plain.scale, 2, 0.7, lambda x: x.square().sum(1), penalty_lambda=0.3
    )
    frames = basis.frames(ends, z)
    cost = frames[:, 1:-1].square().sum((1, 2))
    # Five over four steps is the energy of the straight line.
    expected = plain(z).total + 0.7 * path_energy(frames) / (5 / 4) + 0.3 * cost
    torch.testing.assert_close(weighed(z).total, expected)
    torch.testing.assert_close(weighed(z).parts["penalty"], cost)
    torch.testing.assert_close(plain(z).total, 9 * path_energy(frames) / 5)


def test_jerkiness_of_a_scaled_copy_is_its_acceleration_beside_its_speed(rng):
    basis = Bisection.of(4, torch.zeros(1, dtype=torch.float64))
    ends = torch.randn(1, 2, 6, generator=rng, dtype=torch.float64)
    z = torch.randn(1, 3, 6, generator=rng, dtype=torch.float64)
    objective = Path(lambda x: 3 * x, basis, ends, 3 * ends, torch.ones(1, dtype=torch.float64), level=2)
    steps = basis.frames(ends, z).diff(dim=1)
    torch.testing.assert_close(
        objective.jerkiness(z), steps.diff(dim=1).square().sum((1, 2)) / path_energy(basis.frames(ends, z))
    )
