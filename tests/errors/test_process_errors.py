"""Messages of `process`: what was found, what was expected, what to do."""

import pytest
import torch
from jaxtyping import config

from metameric import process
from metameric._core.errors import InputError, InputTypeError, NearestNameError


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Users run without shape checks, so that their mistakes reach the library's own."""
    monkeypatch.setattr(config, "jaxtyping_disable", True)


IMAGE = torch.zeros(1, 1, 8, 8)

CASES = {
    "kernel": (
        lambda: process.circular_gaussian2d((3, 3, 3), 1.0),
        InputError,
        "kernel_size is .* one or two positive",
    ),
    "kernel part": (lambda: process.circular_gaussian2d(7.5, 1.0), InputError, "kernel_size is 7.5"),
    "std": (lambda: process.circular_gaussian2d(7, [1.0, 0.0]), InputError, "std is .* above zero"),
    "channels": (lambda: process.circular_gaussian2d(7, 1.0, 0), InputError, "out_channels is 0"),
    "std and channels": (
        lambda: process.circular_gaussian2d(7, [1.0, 2.0], 3),
        InputError,
        "2 values for out_channels=3",
    ),
    "filter name": (lambda: process.blur_downsample(IMAGE, 1, "binon5"), NearestNameError, "'binon5'.*binom5"),
    "unlike any filter": (lambda: process.blur_downsample(IMAGE, 1, "xyz"), NearestNameError, "'binom2', 'binom3'"),
    "no taps": (lambda: process.blur_downsample(IMAGE, 1, "binom0"), NearestNameError, "'binom0'"),
    "n_scales": (lambda: process.blur_downsample(IMAGE, 0), InputError, "n_scales is 0"),
    "too often": (lambda: process.blur_downsample(IMAGE, 3), InputError, "2 x 2 pixels is too small.*at least 3 x 3"),
    "enlarge nothing": (lambda: process.upsample_blur(IMAGE[..., :1, :1], (0, 0)), InputError, "at least 2 x 2"),
    "odd": (lambda: process.upsample_blur(IMAGE, (0, 2)), InputError, r"odd is \(0, 2\)"),
    "filter shape": (lambda: process.correlate_downsample(IMAGE, torch.ones(3)), InputError, r"filt has shape \(3,\)"),
    "filter dtype": (
        lambda: process.upsample_convolve(IMAGE, (0, 0), torch.ones(3, 3, dtype=torch.float64)),
        InputError,
        "filt is torch.float64",
    ),
    "padding": (
        lambda: process.same_padding(IMAGE, 3, pad_mode="mirror"),
        InputError,
        "pad_mode is 'mirror'.*'reflect'",
    ),
    "padding size": (
        lambda: process.same_padding(IMAGE, 31, pad_mode="reflect"),
        InputError,
        "8 x 8 pixels is too small",
    ),
    "vector": (lambda: process.same_padding(torch.zeros(8), 3), InputError, r"\(..., height, width\)"),
    "integers": (lambda: process.blur_downsample(IMAGE.long()), InputTypeError, "torch.int64; expected floats"),
    "integers to filter": (
        lambda: process.upsample_convolve(IMAGE.long(), (0, 0), torch.ones(3, 3).long()),
        InputTypeError,
        "torch.int64; expected floats",
    ),
    "noise": (lambda: process.add_noise(IMAGE, -1), InputError, "noise_mse is -1"),
    "one noise of several": (lambda: process.add_noise(IMAGE, [1.0, -1.0]), InputError, r"noise_mse is \[1.0, -1.0\]"),
    "endless noise": (lambda: process.add_noise(IMAGE, [1.0, float("inf")]), InputError, "noise_mse is .*inf"),
    "noise batch": (
        lambda: process.add_noise(IMAGE.expand(3, 1, 8, 8), [1, 2]),
        InputError,
        "2 values .* batch of 1 or 2",
    ),
    "phase": (lambda: process.modulate_phase(IMAGE), InputTypeError, "float32; expected a complex tensor"),
    "lags": (lambda: process.autocorrelation(torch.zeros(8)), InputError, r"shape \(8,\)"),
    "complex lags": (lambda: process.autocorrelation(IMAGE + 0j), InputTypeError, "complex64; expected real"),
    "crop type": (lambda: process.center_crop(IMAGE, 2.0), InputTypeError, "output_size is 2.0"),
    "crop of a strip": (lambda: process.center_crop(torch.zeros(8, 16), 9), InputError, "smaller of height and width"),
    "noise for a row": (lambda: process.add_noise(torch.zeros(2), [1, 2]), InputError, r"2 values .* shape \(2,\)"),
    "crop of a row": (lambda: process.center_crop(torch.zeros(8), 2), InputError, r"x of shape \(8,\)"),
    "crop size": (lambda: process.center_crop(IMAGE, 9), InputError, "output_size is 9"),
    "factor": (lambda: process.expand(IMAGE, 1), InputError, "factor is 1; expected a number above 1"),
    "larger row": (lambda: process.expand(torch.zeros(8), 2), InputError, r"x has shape \(8,\)"),
    "part pixels": (lambda: process.shrink(IMAGE, 3), InputError, "8 x 8 pixels into 2.66667 x 2.66667"),
    "amplitude": (lambda: process.polar_to_rectangular(IMAGE - 1, IMAGE), InputError, "amplitude goes down to -1"),
    "one amplitude": (
        lambda: process.polar_to_rectangular(torch.eye(8) - 0.5, torch.eye(8)),
        InputError,
        "amplitude goes down to -0.5",
    ),
    "odd filter": (
        lambda: process.upsample_convolve(IMAGE, (0, 2), torch.ones(3, 3)),
        InputError,
        r"odd is \(0, 2\)",
    ),
    "amplitude type": (
        lambda: process.polar_to_rectangular(IMAGE + 0j, IMAGE),
        InputTypeError,
        "amplitude is torch.complex64",
    ),
    "bands": (lambda: process.polar_to_rectangular_dict({0: IMAGE}, {}), InputError, r"same bands: \['0'\]"),
    "gain bands": (
        lambda: process.local_gain_release_dict({0: IMAGE}, {0: IMAGE, 1: IMAGE}),
        InputError,
        r"same bands: \['1'\]",
    ),
    "norm": (lambda: process.local_gain_release(IMAGE, IMAGE), InputError, r"expected \(1, 1, 4, 4\)"),
    "no scales": (lambda: process.LaplacianPyramid(0), InputError, "n_scales is 0"),
    "many scales": (lambda: process.LaplacianPyramid(5)(IMAGE), InputError, "too small for 5 scales.*at least 17 x 17"),
    "lost band": (
        lambda: process.LaplacianPyramid(3).recon_pyr([IMAGE]),
        InputError,
        "y has 1 bands; expected n_scales = 3",
    ),
    "small for six": (lambda: process.normalized_laplacian_pyramid(IMAGE), InputError, "at least 33 x 33"),
    "pairs": (lambda: process.ssim_map(IMAGE, IMAGE[..., 1:]), InputError, "8 x 8 pixels, img2 8 x 7"),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    call, error, message = CASES[name]
    with pytest.raises(error, match=message):
        call()


def test_errors_are_also_the_built_in_ones():
    with pytest.raises(ValueError, match="n_scales"):
        process.blur_downsample(IMAGE, 0)
    with pytest.raises(TypeError, match="complex"):
        process.modulate_phase(IMAGE)
