"""What every metric of the library obeys."""

import pytest
import torch

import metameric as mm

DISTANCES = {
    "mse": mm.metric.mse,
    "ssim": mm.metric.as_distance(mm.metric.ssim),
    "weighted": lambda x, y: 1 - mm.metric.ssim(x, y, weighted=True),
    "padded": lambda x, y: 1 - mm.metric.ssim(x, y, pad="reflect"),
    "ms_ssim": lambda x, y: 1 - mm.metric.ms_ssim(x, y, [0.4, 0.6]),
    "nlpd": mm.metric.nlpd,
}


@pytest.fixture(params=DISTANCES)
def distance(request):
    return DISTANCES[request.param]


@pytest.fixture
def pair(rng):
    x, y = (torch.rand(1, 1, 34, 35, generator=rng, dtype=torch.float64) for _ in range(2))
    return x, 0.8 * x + 0.2 * y


def test_zero_for_equal_images_and_more_for_others(distance, pair):
    x, y = pair
    assert distance(x, x).abs().max() < 2e-5
    assert distance(x, y).min() > 1e-3


def test_symmetric(distance, pair):
    torch.testing.assert_close(distance(*pair), distance(*reversed(pair)), rtol=1e-12, atol=0)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_forward_and_reverse_derivatives_agree_with_differences(distance, pair, rng):
    x, y = pair
    direction = torch.randn(x.shape, generator=rng, dtype=x.dtype)
    _, forward = torch.func.jvp(lambda x: distance(x, y).sum(), (x,), (direction,))
    gradient = torch.func.grad(lambda x: distance(x, y).sum())(x)
    step = 1e-5
    difference = (distance(x + step * direction, y) - distance(x - step * direction, y)).sum() / (2 * step)
    torch.testing.assert_close(forward, (gradient * direction).sum(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(forward, difference, rtol=1e-5, atol=1e-8)


def test_grows_with_noise(distance, pair, rng):
    x, _ = pair
    noise = 0.1 * torch.randn(x.shape, generator=rng, dtype=x.dtype)
    values = [distance(x, (x + s * noise).clamp(0, 1)).item() for s in (0.25, 0.5, 1.0)]
    assert values == sorted(values)
