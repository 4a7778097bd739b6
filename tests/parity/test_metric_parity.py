"""Metrics against plenoptic.

plenoptic makes its window in the default precision: its float64 values carry a float32 window (2e-6 off the closed
form) unless the default is float64, which is what these tests set.
"""

import warnings

import pytest
import torch

import metameric as mm

plenoptic = pytest.importorskip("plenoptic")

SIZES = [(2, 1, 192, 177), (1, 3, 64, 65), (1, 1, 256, 256)]


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield torch.float64
    torch.set_default_dtype(torch.float32)


def pair(shape, dtype, seed=0):
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(shape, generator=rng, dtype=torch.float64)
    smooth = mm.process.expand(mm.process.shrink(image[..., : shape[-2] // 16 * 16, : shape[-1] // 16 * 16], 8), 8)
    first = mm.process.rescale(smooth)
    second = (first + 0.1 * torch.randn(first.shape, generator=rng, dtype=torch.float64)).clamp(0, 1)
    return first.to(dtype), second.to(dtype)


CALLS = {
    "mse": {},
    "ssim": {},
    "ssim weighted": {"weighted": True},
    "ssim reflect": {"pad": "reflect"},
    "ssim constant": {"pad": "constant", "weighted": True},
    "ms_ssim": {},
    "ms_ssim two": {"power_factors": torch.tensor([0.3, 0.7])},
    "nlpd": {},
    "nlpd epsilon": {"epsilon": 1e-6},
}


def both(name, first, second):
    function, kwargs = name.split()[0], CALLS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [getattr(m.metric, function)(first, second, **kwargs) for m in (mm, plenoptic)]


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", CALLS)
def test_double_precision(name, shape, double):
    first, second = pair(shape, double)
    mine, peers = both(name, first, second)
    assert mine.shape == peers.shape == first.shape[:2]
    torch.testing.assert_close(mine, peers, atol=1e-12, rtol=0)
    one = first[:1, :1]
    torch.testing.assert_close(*both(name, one, second), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", CALLS)
def test_single_precision(name):
    first, second = pair((2, 1, 192, 176), torch.float32)
    mine, peers = both(name, first, second)
    exact, _ = both(name, first.double(), second.double())
    assert mine.dtype == torch.float32
    # plenoptic's own rounding: moments about zero cancel in flat regions, ours are taken about the mean.
    rounding = (peers.double() - exact).abs().max().item()
    torch.testing.assert_close(mine.double(), exact, atol=1e-6, rtol=0)
    torch.testing.assert_close(mine, peers, atol=1e-6 + rounding, rtol=0)


def test_gradients(double):
    first, second = pair((1, 1, 192, 176), double)
    for name in CALLS:
        grads = []
        for module in (mm, plenoptic):
            x = first.clone().requires_grad_()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = getattr(module.metric, name.split()[0])(x, second, **CALLS[name])
            grads.append(torch.autograd.grad(value.sum(), x)[0])
        torch.testing.assert_close(*grads, atol=1e-12, rtol=1e-9)


def test_maps(double):
    first, second = pair((1, 1, 64, 64), double)
    torch.testing.assert_close(
        mm.process.ssim_map(first, second), plenoptic.process.ssim_map(first, second), atol=1e-12, rtol=0
    )


def test_small_images_shrink_the_window_alike(double):
    first, second = pair((1, 1, 64, 64), double)
    for size in (9, 8, 4):
        small = first[..., :size, :], second[..., :size, :]
        for name in ("ssim", "ssim reflect", "ms_ssim two"):
            if name == "ms_ssim two" and size < 8:
                continue
            torch.testing.assert_close(*both(name, *small), atol=1e-12, rtol=0)


def test_metric_of_a_model(double):
    first, second = pair((2, 1, 64, 64), double)
    model = torch.nn.AvgPool2d(4)
    mine, peers = (m.metric.model_metric_factory(model)(first, second) for m in (mm, plenoptic))
    torch.testing.assert_close(mine, peers, atol=1e-12, rtol=0)
