"""Halving and doubling: sums of shifted views, dense and banded matrices are three ways to the same result."""

import itertools

import jaxtyping
import pytest
import torch

import metameric as mm
from metameric.process import _blur
from metameric.process._filters import named_filter

FILTERS = ("haar", "binom3", "binom5", "daub3", "qmf16")
SIZES = ((130, 257), (129, 131), (301, 20), (138, 256), (256, 138))


def adjoint_matches(resampling: _blur.Resampling, x: torch.Tensor, y: torch.Tensor) -> None:
    torch.testing.assert_close((resampling.apply(x) * y).sum(), (x * resampling.adjoint(y)).sum())


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", SIZES)
def test_three_ways_to_halve(name, size, rng, monkeypatch):
    taps = named_filter(name)
    x = torch.rand(2, 1, *size, generator=rng, dtype=torch.float64)
    banded = _blur.halving(x, taps)
    monkeypatch.setattr(_blur, "is_filtered_by_strips", lambda _: False)
    shifted = _blur.halving(x, taps)
    monkeypatch.setattr(_blur, "_is_small", lambda *_: True)
    dense = _blur.halving(x, taps)
    y = torch.rand(dense.apply(x).shape, generator=rng, dtype=torch.float64)
    for way in (banded, shifted):
        torch.testing.assert_close(way.apply(x), dense.apply(x), rtol=0, atol=1e-13)
        torch.testing.assert_close(way.adjoint(y), dense.adjoint(y), rtol=0, atol=1e-13)
    adjoint_matches(dense, x, y)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("odd", list(itertools.product((0, 1), (0, 1))))
def test_three_ways_to_double(name, size, odd, rng, monkeypatch):
    taps = named_filter(name)
    x = torch.rand(2, 1, *size, generator=rng, dtype=torch.float64)
    banded = _blur.doubling(x, odd, taps)
    monkeypatch.setattr(_blur, "is_filtered_by_strips", lambda _: False)
    shifted = _blur.doubling(x, odd, taps)
    monkeypatch.setattr(_blur, "_is_small", lambda *_: True)
    dense = _blur.doubling(x, odd, taps)
    y = torch.rand(2, 1, *(2 * n - o for n, o in zip(size, odd, strict=True)), generator=rng, dtype=torch.float64)
    for way in (banded, shifted):
        torch.testing.assert_close(way.apply(x), dense.apply(x), rtol=0, atol=1e-13)
        torch.testing.assert_close(way.adjoint(y), dense.adjoint(y), rtol=0, atol=1e-13)
    adjoint_matches(dense, x, y)


def test_large_images_are_filtered_with_banded_matrices(monkeypatch):
    met = []
    products = _blur.banded_products
    monkeypatch.setattr(_blur, "banded_products", lambda *args: met.append(args[-1].shape) or products(*args))
    _blur.blur_downsample(torch.rand(1, 1, 160, 160))
    assert met == [(1, 1, 160, 160)]
    _blur.blur_downsample(torch.rand(1, 1, 160, 160).to(torch.bfloat16))
    _blur.blur_downsample(torch.rand(1, 1, 128, 128))
    assert len(met) == 1


def test_one_broken_image_spoils_no_other(rng):
    images = torch.rand(3, 1, 160, 160, generator=rng)
    whole = _blur.upsample_blur(_blur.blur_downsample(images), (0, 0))
    images[1] = torch.nan
    broken = _blur.upsample_blur(_blur.blur_downsample(images), (0, 0))
    assert torch.equal(broken[::2], whole[::2])


@pytest.mark.parametrize("height", [129, 138, 150, 165])
@pytest.mark.parametrize("width", [144, 157, 160])
def test_what_memory_held_before_is_of_no_importance(height, width, rng, monkeypatch):
    """Blocks of matrices reach beyond the rows: what lies there must be numbers."""
    taps = named_filter("binom5")
    x = torch.rand(1, height, width, generator=rng, dtype=torch.float64)
    fresh = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda *args, **kwargs: fresh(*args, **kwargs).fill_(torch.nan))
    halving, odd = _blur.halving(x, taps), (height % 2, width % 2)
    half = halving.apply(x)
    doubling = _blur.doubling(half, odd, taps)
    for found in (half, halving.adjoint(half), doubling.apply(half), doubling.adjoint(x)):
        assert found.isfinite().all()


@pytest.mark.parametrize("size", [(8, 9), (120, 130), (300, 280)])
def test_a_filter_of_one_sample_leaves_zeros_between_pixels(size, rng):
    image = torch.rand(1, 1, *size, generator=rng, dtype=torch.float64)
    for odd in ((0, 0), (1, 0), (1, 1)):
        expected = torch.zeros(1, 1, *(2 * n for n in size), dtype=torch.float64)
        expected[..., ::2, ::2] = image
        expected = expected[..., : 2 * size[0] - odd[0], : 2 * size[1] - odd[1]]
        one = torch.ones(1, 1, dtype=torch.float64)
        assert torch.equal(mm.process.upsample_convolve(image, odd, one), expected)
        torch.testing.assert_close(mm.process.upsample_blur(image, odd, filtname="binom1"), 4 * expected)


@pytest.fixture
def unchecked():
    """Without the run-time type checks of the tests, as a user has it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_scales_may_be_whole_floats(rng):
    image = torch.rand(1, 1, 16, 16, generator=rng)
    assert torch.equal(mm.process.blur_downsample(image, 2.0), mm.process.blur_downsample(image, 2))
    assert torch.equal(mm.process.upsample_blur(image, (0, 0), 2.0), mm.process.upsample_blur(image, (0, 0), 2))
