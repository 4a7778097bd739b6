"""Sizes, dtypes and leading dimensions that nobody thought of: every tensor function of `process` on random ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metameric import process

images = st.fixed_dictionaries(
    {
        "lead": st.lists(st.integers(1, 3), max_size=3).map(tuple),
        "size": st.tuples(st.integers(5, 37), st.integers(5, 37)),
        "dtype": st.sampled_from([torch.float32, torch.float64]),
        "seed": st.integers(0, 99),
    }
)
often = settings(max_examples=25, deadline=None, derandomize=True)


def halved(size):
    return tuple((n + 1) // 2 for n in size)


def centred(size):
    return tuple(n + 4 for n in size)


SIZES = {
    "blur_downsample": (process.blur_downsample, halved),
    "correlate_downsample": (lambda x: process.correlate_downsample(x, torch.ones(3, 5).to(x)), halved),
    "upsample_blur": (lambda x: process.upsample_blur(x, (0, 1)), lambda size: (2 * size[0], 2 * size[1] - 1)),
    "upsample_convolve": (
        lambda x: process.upsample_convolve(x, (1, 0), torch.ones(3, 3).to(x)),
        lambda size: (2 * size[0] - 1, 2 * size[1]),
    ),
    "same_padding": (lambda x: process.same_padding(x, 5), centred),
    "center_crop": (lambda x: process.center_crop(x, 5), lambda size: (5, 5)),
    "expand": (lambda x: process.expand(x, 3), lambda size: tuple(3 * n for n in size)),
    "autocorrelation": (process.autocorrelation, lambda size: size),
    "local_gain_control, energy": (lambda x: process.local_gain_control(x)[0], halved),
    "local_gain_control, state": (lambda x: process.local_gain_control(x)[1], lambda size: size),
    "rescale": (lambda x: process.rescale(x, -2, 3), lambda size: size),
    "variance": (lambda x: process.variance(x, dim=(-2, -1)), lambda size: ()),
    "skew": (lambda x: process.skew(x, dim=(-2, -1)), lambda size: ()),
    "kurtosis": (lambda x: process.kurtosis(x, dim=(-2, -1)), lambda size: ()),
}
TOGETHER = {"rescale"}
"""Functions of all images at once."""


def draw(lead, size, dtype, seed):
    return torch.rand(*lead, *size, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", SIZES)
@given(case=images)
@often
def test_sizes_dtypes_and_entries(name, case):
    (function, size), x = SIZES[name], draw(**case)
    result = function(x)
    assert result.shape == (*case["lead"], *size(case["size"]))
    assert result.dtype == x.dtype and torch.isfinite(result).all()
    if name not in TOGETHER:
        first = (0,) * len(case["lead"])
        tolerance = 1e-4 if x.dtype == torch.float32 else 1e-10
        torch.testing.assert_close(function(x[first]), result[first], rtol=tolerance, atol=tolerance)


@given(case=images, low=st.floats(-5, 5), high=st.floats(-5, 5))
@often
def test_rescale_reaches_both_ends(case, low, high):
    x = process.rescale(draw(**case), low, high)
    assert float(x.min()) == pytest.approx(min(low, high), abs=1e-5)
    assert float(x.max()) == pytest.approx(max(low, high), abs=1e-5)


@given(case=images, factor=st.floats(-3, 3))
@often
def test_polar_form_and_phase_keep_the_amplitude(case, factor):
    z = torch.complex(draw(**case) - 0.5, draw(**case | {"seed": case["seed"] + 1}) - 0.5)
    amplitude, phase = process.rectangular_to_polar(z)
    assert amplitude.dtype == phase.dtype == case["dtype"]
    torch.testing.assert_close(process.polar_to_rectangular(amplitude, phase), z)
    modulated = process.modulate_phase(z, factor)
    assert modulated.dtype == z.dtype
    torch.testing.assert_close(modulated.abs(), amplitude, rtol=1e-4, atol=1e-6)


@given(case=images, wanted=st.lists(st.floats(1e-3, 10), min_size=1, max_size=3))
@often
def test_noise_has_the_mean_square_asked_for(case, wanted):
    image = draw((1, 2), case["size"], case["dtype"], case["seed"])
    noisy = process.add_noise(image, wanted, seed=case["seed"])
    assert noisy.dtype == image.dtype and noisy.shape == (len(wanted), *image.shape[1:])
    for one, value in zip(noisy, wanted, strict=True):
        torch.testing.assert_close((one - image[0]).square().mean((-2, -1)), torch.full_like(one[:, 0, 0], value))


@given(case=images, channels=st.integers(1, 3), batch=st.integers(1, 2))
@often
def test_random_phase_keeps_the_spectrum(case, channels, batch):
    x = draw((batch, channels), case["size"], case["dtype"], case["seed"])
    other = process.random_phase(x, list(range(batch)))
    assert (other.shape, other.dtype) == (x.shape, x.dtype)
    torch.testing.assert_close(torch.fft.fft2(other).abs(), torch.fft.fft2(x).abs(), rtol=1e-3, atol=1e-3)


@given(size=st.tuples(st.integers(1, 30), st.integers(1, 30)), std=st.lists(st.floats(0.5, 9), min_size=1, max_size=3))
@often
def test_gaussian_kernels_sum_to_one(size, std):
    kernel = process.circular_gaussian2d(size, torch.tensor(std, dtype=torch.float64))
    assert kernel.shape == (len(std), 1, *size) and kernel.dtype == torch.float64
    torch.testing.assert_close(kernel.sum((-3, -2, -1)), torch.ones(len(std), dtype=torch.float64))


@given(case=images)
@often
def test_an_image_is_most_similar_to_itself(case):
    size = tuple(n + 11 for n in case["size"])
    first, second = (draw((2, 1), size, case["dtype"], case["seed"] + i) for i in range(2))
    same, other = process.ssim_map(first, first), process.ssim_map(first, second)
    assert same.shape == other.shape == (2, 1, size[0] - 10, size[1] - 10) and other.dtype == case["dtype"]
    torch.testing.assert_close(same, torch.ones_like(same), rtol=0, atol=1e-4)
    assert other.abs().max() <= 1 + 1e-4 and other.mean() < same.mean()
