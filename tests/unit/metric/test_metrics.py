"""Metrics: closed forms, values per image, and finite gradients where formulas divide zero by zero."""

import pickle
from contextlib import nullcontext

import pytest
import torch

import metameric as mm
from metameric._core.batched import each

METRICS = ["mse", "ssim", "ms_ssim", "nlpd"]


def constants(a, b, size=256, dtype=torch.float64):
    return torch.full((1, 1, size, size), a, dtype=dtype), torch.full((1, 1, size, size), b, dtype=dtype)


@pytest.fixture
def pairs(dtype, rng):
    x, y = (torch.rand(3, 2, 176, 180, generator=rng, dtype=torch.float64).to(dtype) for _ in range(2))
    return x, (0.7 * x + 0.3 * y)


def test_ssim_of_constants_is_the_luminance_term(dtype):
    expected = (2 * 0.2 * 0.5 + 1e-4) / (0.2**2 + 0.5**2 + 1e-4)
    assert expected == pytest.approx(0.6897621510, abs=1e-10)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    for kwargs in ({}, {"weighted": True}, {"pad": "reflect"}):
        assert mm.metric.ssim(*constants(0.2, 0.5, 32, dtype), **kwargs).item() == pytest.approx(
            expected, abs=tolerance
        )
    assert mm.process.ssim_map(*constants(0.2, 0.5, 32, dtype)).sub(expected).abs().max() < tolerance


def test_ms_ssim_of_constants_has_luminance_at_the_coarsest_scale_only():
    expected = ((2 * 0.2 * 0.5 + 1e-4) / (0.2**2 + 0.5**2 + 1e-4)) ** 0.1333
    assert mm.metric.ms_ssim(*constants(0.2, 0.5)).item() == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(0.951697, abs=1e-6)


def test_mse_in_closed_form():
    assert mm.metric.mse(*constants(0.2, 0.5)).item() == pytest.approx(0.09, abs=1e-15)


def test_nlpd_of_equal_images_is_the_root_of_epsilon():
    x, _ = constants(0.2, 0.5, 64)
    assert mm.metric.nlpd(x, x).item() == pytest.approx(1e-5)
    assert mm.metric.nlpd(x, x, epsilon=1e-20).item() == pytest.approx(1e-10)
    assert mm.metric.nlpd(x, x, epsilon=0).item() == 0


def test_similarity_of_equal_images_is_exactly_one(pairs):
    for name in ("ssim", "ms_ssim"):
        assert torch.equal(getattr(mm.metric, name)(pairs[0], pairs[0]), torch.ones_like(pairs[0][:, :, 0, 0]))


@pytest.mark.parametrize("name", METRICS)
def test_one_value_per_plane_and_planes_are_independent(name, pairs):
    function, (x, y) = getattr(mm.metric, name), pairs
    values = function(x, y)
    assert values.shape == (3, 2) and values.dtype == x.dtype
    single = torch.stack(
        [function(x[i : i + 1, j : j + 1], y[i : i + 1, j : j + 1])[0, 0] for i in range(3) for j in range(2)]
    )
    torch.testing.assert_close(values.flatten(), single, rtol=1e-5 if x.dtype == torch.float32 else 1e-12, atol=0)


@pytest.mark.parametrize("name", METRICS)
def test_one_value_per_image_for_syntheses(name, pairs):
    function = getattr(mm.metric, name)
    torch.testing.assert_close(each(function)(*pairs), function(*pairs).mean(1))


@pytest.mark.parametrize("name", METRICS)
def test_one_reference_for_a_batch(name, pairs):
    function, (x, y) = getattr(mm.metric, name), pairs
    torch.testing.assert_close(function(x, y[:1, :1]), function(x, y[:1, :1].expand_as(x).contiguous()))


@pytest.mark.parametrize("value", ["equal", "constant", "black"])
@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("kwargs", [{}, {"weighted": True}])
def test_gradients_are_finite(name, value, kwargs, pairs):
    if kwargs and name != "ssim":
        return
    x = pairs[0].clone()
    y = {"equal": x.clone(), "constant": torch.full_like(x, 0.5), "black": torch.zeros_like(x)}[value]
    for first, second in ((x, y), (y, y.clone()), (y, x)):
        first = first.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(getattr(mm.metric, name)(first, second, **kwargs).sum(), first)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("place", [0, 1])
def test_an_image_that_is_partly_no_number_is_at_no_distance(name, place):
    images = torch.rand(2, 2, 1, 192, 192, generator=torch.Generator().manual_seed(0))
    images[place, 1, 0, 100, 17] = torch.nan
    with nullcontext() if name == "mse" else pytest.warns(UserWarning, match=r"no numbers \(NaN\)"):
        value = getattr(mm.metric, name)(*images)
    assert value[:, 0].isnan().tolist() == [False, True]


def test_anticorrelated_images_have_a_multiscale_similarity_of_zero(pairs):
    x = pairs[0].clone().requires_grad_()
    value = mm.metric.ms_ssim(x, 1 - x.detach())
    assert (value == 0).all()
    assert (torch.autograd.grad(value.sum(), x)[0] == 0).all()


def test_moments_do_not_cancel_in_single_precision():
    ramp = torch.linspace(0.9, 0.901, 64, dtype=torch.float64).expand(1, 1, 64, 64)
    other = ramp + 1e-3 * torch.rand(1, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = mm.process.ssim_map(ramp, other)
    assert (mm.process.ssim_map(ramp.float(), other.float()) - exact).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
def test_as_distance(name, pairs):
    similarity = getattr(mm.metric, name)
    distance = mm.metric.as_distance(similarity)
    torch.testing.assert_close(distance(*pairs), 1 - similarity(*pairs))
    torch.testing.assert_close(distance.each(*pairs), 1 - similarity(*pairs).mean(1))
    assert (distance(pairs[0], pairs[0]) == 0).all()
    assert repr(distance) == f"as_distance({name}, largest=1)"


def test_any_callable_is_a_similarity(pairs):
    def negative_error(x, y):
        return -(x - y).abs().mean()

    distance = mm.metric.as_distance(negative_error, largest=0)
    expected = (pairs[0] - pairs[1]).abs().mean((1, 2, 3))
    torch.testing.assert_close(distance.each(*pairs), expected)
    torch.testing.assert_close(distance(*pairs), expected.mean())


def test_metrics_of_piq_work_as_they_are(pairs):
    piq = pytest.importorskip("piq")
    x, y = (p[:, :1].float().contiguous() for p in pairs)
    assert each(mm.metric.as_distance(piq.ssim))(x, y).shape == (3,)


def test_metric_of_a_model(pairs):
    model = torch.nn.AvgPool2d(4)
    metric = mm.metric.model_metric_factory(model)
    squares = (model(pairs[0]) - model(pairs[1])).square()
    torch.testing.assert_close(metric(*pairs), (squares.mean() + 1e-10).sqrt())
    torch.testing.assert_close(metric.each(*pairs), (squares.flatten(1).mean(1) + 1e-10).sqrt())
    assert metric(pairs[0], pairs[0]).item() == pytest.approx(1e-5, rel=1e-5)
    assert repr(metric) == "model_metric_factory(AvgPool2d)"


@pytest.mark.parametrize("name", METRICS)
def test_metrics_can_be_pickled(name):
    function = getattr(mm.metric, name)
    assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("name", METRICS)
def test_no_images(name):
    none = torch.rand(0, 1, 180, 180, requires_grad=True)
    value = getattr(mm.metric, name)(none, none.detach())
    assert value.shape == (0, 1)
    assert torch.autograd.grad(value.sum(), none)[0].shape == none.shape
