"""Reconstruction, adjoints, derivatives and leading dimensions of the image operations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metameric import process

SIZES = [(12, 15), (9, 8), (140, 131)]

LINEAR = {
    "blur_downsample": lambda x: process.blur_downsample(x, 1),
    "upsample_blur": lambda x: process.upsample_blur(x, (1, 0)),
    "correlate_downsample": lambda x: process.correlate_downsample(x, torch.ones(3, 4, dtype=x.dtype) / 12),
    "upsample_convolve": lambda x: process.upsample_convolve(x, (0, 1), torch.ones(4, 3, dtype=x.dtype)),
    "same_padding": lambda x: process.same_padding(x, 5),
    "laplacian": lambda x: torch.cat([b.flatten(-2) for b in process.LaplacianPyramid(2)(x)], -1),
    "center_crop": lambda x: process.center_crop(x, 7),
    "expand": lambda x: process.expand(x, 2),
}
CURVED = {
    "local_gain_control": lambda x: torch.cat([p.flatten(-2) for p in process.local_gain_control(x)], -1),
    "normalized_laplacian_pyramid": lambda x: torch.cat(
        [b.flatten(-2) for b in process.normalized_laplacian_pyramid(process.expand(x, 4))], -1
    ),
    "autocorrelation": process.autocorrelation,
    "variance": lambda x: process.variance(x, dim=(-2, -1)),
    "skew": lambda x: process.skew(x, dim=(-2, -1)),
    "kurtosis": lambda x: process.kurtosis(x, dim=(-2, -1)),
}
ALL = LINEAR | CURVED


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", ALL)
def test_leading_dimensions_are_independent(name):
    x = draw(2, 3, 9, 12)
    many = ALL[name](x)
    for one, expected in [(x[1, 2], many[1, 2]), (x[:, 0], many[:, 0]), (x[None, None], many[None, None])]:
        torch.testing.assert_close(ALL[name](one), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_gradient_is_the_adjoint(name, size):
    function, x = LINEAR[name], draw(2, *size)
    y, pull = torch.func.vjp(function, x)
    cotangent, tangent = draw(*y.shape, seed=1), draw(*x.shape, seed=2)
    pushed = torch.func.jvp(function, (x,), (tangent,))[1]
    torch.testing.assert_close(pushed, function(tangent), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close((pushed * cotangent).sum(), (pull(cotangent)[0] * tangent).sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CURVED)
def test_gradients_and_their_gradients(name):
    x = draw(9, 10).requires_grad_()
    weights = draw(*CURVED[name](x).shape, seed=3)
    function = lambda x: (CURVED[name](x) * weights).sum()  # noqa: E731
    assert torch.autograd.gradcheck(function, (x,))
    if name in ("local_gain_control", "variance", "skew"):
        assert torch.autograd.gradgradcheck(function, (x,))


@pytest.mark.parametrize("name", ["blur_downsample", "upsample_blur"])
def test_vectorised_map(name):
    x = draw(3, 140, 131)
    torch.testing.assert_close(torch.func.vmap(LINEAR[name])(x), LINEAR[name](x))


@given(st.integers(9, 150), st.integers(9, 150), st.booleans())
@settings(max_examples=20, deadline=None, derandomize=True)
def test_laplacian_pyramid_reconstructs(height, width, scale_filter):
    pyramid, x = process.LaplacianPyramid(3, scale_filter), draw(height, width)
    bands = pyramid(x)
    assert [tuple(b.shape) for b in bands] == [(-(-height // 2**s), -(-width // 2**s)) for s in range(3)]
    torch.testing.assert_close(pyramid.recon_pyr(bands), x, rtol=0, atol=1e-12)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 4))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_shrink_undoes_expand_of_odd_sizes(half_height, half_width, factor):
    x = draw(2 * half_height + 1, 2 * half_width + 1)
    large = process.expand(x, factor)
    torch.testing.assert_close(large[::factor, ::factor], x, rtol=0, atol=1e-12)
    torch.testing.assert_close(process.shrink(large, factor), x, rtol=0, atol=1e-12)


def test_small_and_large_images_are_filtered_alike():
    x = draw(129, 140)
    whole = process.blur_downsample(x)
    part = process.blur_downsample(x[:100, :100])
    torch.testing.assert_close(whole[:40, :40], part[:40, :40])
    up = process.upsample_blur(x, (0, 0))
    torch.testing.assert_close(up[:80, :80], process.upsample_blur(x[:60, :60], (0, 0))[:80, :80])


def test_polar_and_gain_control_are_undone():
    z = torch.complex(draw(2, 8, 9), draw(2, 8, 9, seed=1))
    torch.testing.assert_close(process.polar_to_rectangular(*process.rectangular_to_polar(z)), z)
    x = draw(2, 3, 4, 9, 8)
    torch.testing.assert_close(process.local_gain_release(*process.local_gain_control(x)), x)
