"""Metrics, losses, penalties and synthetic stimuli over shapes, sizes and precisions that nobody chose."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import metameric as mm

few = settings(max_examples=15, deadline=None, derandomize=True)
DTYPES = st.sampled_from([torch.float32, torch.float64])
SEEDS = st.integers(0, 2**31)


@st.composite
def pairs(draw, smallest=16, largest=40):
    """Two batches of images in [0, 1], of one shape and precision."""
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        *(draw(st.integers(smallest, largest)) for _ in range(2)),
    )
    dtype, generator = draw(DTYPES), torch.Generator().manual_seed(draw(SEEDS))
    first, second = (torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))
    return first, second


@st.composite
def representations(draw):
    """Two tensors of one shape, of one to five dimensions."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    dtype, generator = draw(DTYPES), torch.Generator().manual_seed(draw(SEEDS))
    first, second = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))
    return first, second


METRICS = {
    "mse": (mm.metric.mse, 0.0),
    "ssim": (mm.metric.ssim, 1.0),
    "ssim, weighted": (lambda x, y: mm.metric.ssim(x, y, weighted=True, pad="reflect"), 1.0),
    "ms_ssim": (lambda x, y: mm.metric.ms_ssim(x, y, [0.5, 0.5]), 1.0),
    "nlpd": (mm.metric.nlpd, 0.0),
    "as_distance": (mm.metric.as_distance(mm.metric.ssim), 0.0),
    "model_metric_factory": (mm.metric.model_metric_factory(mm.process.blur_downsample).each, 0.0),
}


@pytest.mark.parametrize("name", METRICS)
@few
@given(both=pairs(smallest=33))
def test_metrics(name, both):
    """One finite value for each image (and channel), of the images' precision, as each pair alone would have."""
    metric, of_equal = METRICS[name]
    x, y = both
    found = metric(x, y)
    assert found.dtype == x.dtype
    assert found.shape[0] == x.shape[0]
    assert tuple(found.shape) in {tuple(x.shape[:1]), tuple(x.shape[:2])}
    assert bool(found.isfinite().all())
    close = {"rtol": 1e-4, "atol": 1e-5} if x.dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(metric(y, x), found, **close)
    alone = torch.cat([metric(x[i : i + 1], y[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(alone, found, **close)
    equal = metric(x, x)
    torch.testing.assert_close(equal, torch.full_like(equal, of_equal), rtol=0, atol=1e-4)


LOSSES = {
    "mse": (mm.loss.mse, lambda a, b: (a - b).square().mean()),
    "l2_norm": (mm.loss.l2_norm, lambda a, b: (a - b).square().sum().sqrt()),
    "relative_sse": (mm.loss.relative_sse, lambda a, b: (a - b).square().sum() / b.square().sum()),
}


@pytest.mark.parametrize("name", LOSSES)
@few
@given(both=representations())
def test_losses(name, both):
    """One number, as the formula has it, zero for equal ones, with a gradient that is finite."""
    loss, formula = LOSSES[name]
    a, b = both
    found = loss(a, b)
    assert found.shape == ()
    assert found.dtype == a.dtype
    torch.testing.assert_close(found.double(), formula(a.double(), b.double()), rtol=1e-5, atol=1e-7)
    assert float(loss(b, b)) == 0
    a = a.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(a, b), a)
    assert bool(gradient.isfinite().all())


@few
@given(seed=SEEDS, dtype=DTYPES, height=st.integers(5, 8), width=st.integers(5, 8))
def test_texture_losses(seed, dtype, height, width):
    height, width = 8 * height, 8 * width
    image = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(
        dtype
    )
    model = mm.models.PortillaSimoncelli((height, width), n_scales=2, spatial_corr_width=3).to(dtype)
    target, other = model(image), model(image.flip(-1).square())
    for factory in (mm.loss.portilla_simoncelli_loss_factory, mm.loss.groupwise_relative_l2_norm_factory):
        loss = factory(model, image)
        assert loss(target, target) == 0
        found = loss(other, target)
        assert found.shape == ()
        assert found.dtype == dtype
        assert found > 0


@few
@given(both=representations(), low=st.floats(-1, 0), span=st.floats(0, 2))
def test_range_penalty(both, low, span):
    """Squared distance from the range; zero within."""
    x, _ = both
    allowed = (low, low + span)
    found = mm.regularize.penalize_range(x, allowed)
    outside = (x.double() - x.double().clamp(*allowed)).square().sum()
    assert found.dtype == x.dtype
    torch.testing.assert_close(found.double(), outside, rtol=1e-5, atol=1e-6)
    assert mm.regularize.penalize_range(x.clamp(*allowed), allowed) < 1e-10


SIZES = st.one_of(st.integers(2, 40), st.tuples(st.integers(1, 40), st.integers(2, 40)))
PARAMETERS = {"contrast": st.floats(0, 1), "orientation": st.floats(-7, 7), "phase": st.floats(-7, 7)}
STIMULI = {
    "grating": (mm.data.grating, ("contrast", "orientation", "phase")),
    "gabor": (mm.data.gabor, ("contrast", "orientation", "phase")),
    "plaid": (mm.data.plaid, ("contrast", "phase")),
    "zone_plate": (mm.data.zone_plate, ("contrast", "phase")),
    "checkerboard": (mm.data.checkerboard, ("contrast", "orientation", "phase")),
    "power_law_noise": (mm.data.power_law_noise, ("contrast",)),
    "pink_noise_texture": (mm.data.pink_noise_texture, ("contrast", "orientation")),
}


@pytest.mark.parametrize("name", STIMULI)
@few
@given(size=SIZES, dtype=DTYPES, data=st.data())
def test_synthetic_stimuli(name, size, dtype, data):
    """An image of that size and precision in [0, 1], no farther from grey than its contrast; the same every time."""
    stimulus, names = STIMULI[name]
    chosen = {key: data.draw(PARAMETERS[key], label=key) for key in names}
    image = stimulus(size, dtype=dtype, **chosen)
    assert image.shape == (1, 1, *((size, size) if isinstance(size, int) else size))
    assert image.dtype == dtype
    assert bool(image.isfinite().all())
    assert float((image - 0.5).abs().max()) <= 0.5 * chosen["contrast"] + 1e-6
    assert torch.equal(image, stimulus(size, dtype=dtype, **chosen))
    torch.testing.assert_close(image.double(), stimulus(size, dtype=torch.float64, **chosen), rtol=0, atol=1e-6)


@few
@given(size=SIZES, seed=SEEDS)
def test_noise_has_its_seed(size, seed):
    for noise in (mm.data.power_law_noise, mm.data.pink_noise_texture):
        assert torch.equal(noise(size, seed=seed), noise(size, seed=seed))


@few
@given(size=SIZES, x=st.integers(0, 1), y=st.integers(0, 1))
def test_polar_coordinates(size, x, y):
    height, width = (size, size) if isinstance(size, int) else size
    radius, angle = mm.data.polar_radius(size), mm.data.polar_angle(size)
    assert radius.shape[-2:] == angle.shape[-2:] == (height, width)
    assert float(radius.min()) >= 0
    assert float(angle.abs().max()) <= math.pi + 1e-6
    disk = mm.data.disk(size)
    assert disk.shape[-2:] == (height, width)
    assert float(disk.min()) >= 0
    assert float(disk.max()) <= 1


@few
@given(both=pairs(smallest=1))
def test_conversions(both):
    image, _ = both
    levels = mm.convert_float_to_int(image)
    assert levels.dtype == mm.to_numpy(levels).dtype
    assert levels.shape == tuple(image.shape)
    assert abs(levels / 255 - mm.to_numpy(image)).max() <= 0.5 / 255 + 1e-6
