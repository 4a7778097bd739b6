"""The nearest stimulus of given mean and contrast within a range."""

import pytest
import torch

import metameric as mm
from metameric._solve._constraint import distance_to

MASK = torch.arange(64).reshape(8, 8) % 3 > 0
SPHERES = {
    "mean": mm.ContrastSphere(0.4, 0.3),
    "free mean": mm.ContrastSphere(None, 0.3),
    "mask": mm.ContrastSphere(0.5, 0.2, MASK),
    "free mean in a mask": mm.ContrastSphere(None, 0.3, MASK),
    "nearly binary": mm.ContrastSphere(0.5, 0.49),
}


@pytest.fixture(params=SPHERES.values(), ids=SPHERES.keys())
def sphere(request):
    return request.param


def both(sphere):
    return mm.Intersection(sphere, mm.Box(0.0, 1.0))


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_projections_are_on_both_sets(sphere, size, dtype, rng):
    y = 0.3 + size * torch.randn(5, 1, 8, 8, dtype=dtype, generator=rng)
    x = both(sphere).project(y)
    assert x.min() >= 0 and x.max() <= 1
    assert (distance_to(sphere, x) < 10 * torch.finfo(dtype).eps).all()
    assert torch.allclose(both(sphere).project(x), x, atol=1e-5 if dtype == torch.float32 else 1e-12)


def test_nothing_on_both_sets_is_nearer(rng):
    sphere, y = mm.ContrastSphere(0.4, 0.3), torch.randn(1, 1, 8, 8, dtype=torch.float64, generator=rng)
    x = both(sphere).project(y)
    others = both(sphere).project(x + torch.randn(500, 1, 8, 8, dtype=torch.float64, generator=rng) / 10)
    assert (distance_to(sphere, others) < 1e-12).all()
    assert ((others - y).square().sum((1, 2, 3)) > (x - y).square().sum()).all()


def test_projections_are_differentiable(sphere, rng):
    y = torch.randn(2, 8, 8, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradcheck(both(sphere).project, y, atol=1e-5)


def test_open_directions_leave_neither_set(sphere, rng):
    constraint = both(sphere)
    x = constraint.project(torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=rng))
    assert ((x == 0) | (x == 1)).any()
    d = torch.randn(x.shape, dtype=torch.float64, generator=rng)
    along = constraint.tangent(x, d)
    assert torch.allclose(constraint.tangent(x, along), along, atol=1e-10)
    assert torch.allclose(constraint.project(x + 1e-7 * along), x + 1e-7 * along, atol=1e-12)
    # The nearest point of a cone: what was taken away is perpendicular to it, and at no sharp angle to any other.
    taken = (d - along).flatten(1)
    assert torch.allclose((taken * along.flatten(1)).sum(1), torch.zeros(3, dtype=torch.float64), atol=1e-9)
    for _ in range(20):
        other = constraint.tangent(x, torch.randn(x.shape, dtype=torch.float64, generator=rng)).flatten(1)
        assert ((taken * other).sum(1) < 1e-9).all()


def test_members_beside_the_pair_hold_too(rng):
    fixed = mm.FixedPixels(~MASK, 0.5)
    constraint = mm.Intersection(SPHERES["mask"], mm.Box(0.0, 1.0), fixed)
    x = constraint.project(torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=rng))
    assert all((distance_to(c, x) < 1e-12).all() for c in constraint.constraints)


def test_means_are_kept_where_there_is_room_for_the_contrast(rng):
    sphere, box = mm.ContrastSphere(None, 0.5), mm.Box(1.0, 3.0)
    y = 2.4 + 0.5 * torch.randn(4, 1, 8, 8, dtype=torch.float64, generator=rng)
    wanted = sphere.project(y).clamp(1.0, 3.0).mean((1, 2, 3))
    x = mm.Intersection(sphere, box).project(y)
    torch.testing.assert_close(x.mean((1, 2, 3)), wanted)
    assert (distance_to(sphere, x) < 1e-12).all()


def test_gradients_along_the_normal_count_for_nothing(sphere, rng):
    constraint = both(sphere)
    x = constraint.project(torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=rng))
    inside = torch.ones_like(x) if sphere.mask is None else sphere.mask.expand(x.shape).double()
    centred = (x - (x * inside).sum((1, 2, 3), keepdim=True) / inside.sum((1, 2, 3), keepdim=True)) * inside
    normal = 0.7 * centred + (0 if sphere.mean is None else 0.3 * inside)
    gradient = torch.randn(x.shape, dtype=torch.float64, generator=rng)
    # Small, so that the same pixels are held at their bounds.
    expected = constraint.intrinsic(x, gradient)
    assert torch.allclose(constraint.intrinsic(x, gradient + 1e-6 * normal), expected, atol=1e-9)


def test_where_every_pixel_is_at_a_bound_no_direction_is_open():
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0]], dtype=torch.float64)
    constraint = mm.Intersection(mm.ContrastSphere(0.5, 0.5), mm.Box(0.0, 1.0))
    outwards = torch.tensor([[-1.0, 1.0, -2.0, 3.0]], dtype=torch.float64)
    assert torch.equal(constraint.tangent(x, outwards), torch.zeros_like(x))


def test_means_move_to_where_there_is_room_for_the_contrast(rng):
    sphere, box = mm.ContrastSphere(None, 0.9), mm.Box(1.0, 3.0)
    x = mm.Intersection(sphere, box).project(2.8 + torch.randn(4, 1, 8, 8, dtype=torch.float64, generator=rng))
    assert (distance_to(sphere, x) < 1e-12).all() and x.min() >= 1 and x.max() <= 3
    # A stimulus of two values, 1 and 3, has the largest contrast at any mean.
    assert ((x.mean((1, 2, 3)) - 2).abs() <= (1 - 0.9**2) ** 0.5).all()
