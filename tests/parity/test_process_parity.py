"""Every function of `process` against plenoptic, in both precisions.

Not compared, because plenoptic is wrong there: `expand` and `shrink` with odd sizes (means and pixels are lost) and
`autocorrelation` of odd widths (the last column is missing). Daubechies filters come from a 12-digit table there.
"""

import pytest
import torch

import metameric as mm

plenoptic = pytest.importorskip("plenoptic")
theirs, ours = plenoptic.process, mm.process

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
SHAPES = [(2, 3, 16, 17), (1, 1, 15, 12)]


@pytest.fixture
def draw(dtype, rng):
    return lambda *shape: torch.rand(*shape, generator=rng, dtype=torch.float64).to(dtype)


def close(a, b, dtype, scale=1.0):
    __tracebackhide__ = True
    assert a.dtype == b.dtype and a.shape == b.shape
    torch.testing.assert_close(a, b, atol=scale * TOLERANCE[dtype], rtol=scale * TOLERANCE[dtype])


@pytest.mark.parametrize("std", [2, 0.7, [2, 5.5]])
@pytest.mark.parametrize("size", [7, (4, 5), 31])
def test_circular_gaussian2d(size, std):
    close(ours.circular_gaussian2d(size, std), theirs.circular_gaussian2d(size, std), torch.float32)


def test_circular_gaussian2d_of_a_tensor():
    std = torch.tensor([0.5, 4.0], dtype=torch.float64)
    close(ours.circular_gaussian2d((9, 12), std), theirs.circular_gaussian2d((9, 12), std), torch.float64)


@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate", "circular"])
@pytest.mark.parametrize("filter_size", [(3, 3), (5, 5), (2, 2), (3, 4)])
def test_resampling_with_a_filter(draw, dtype, filter_size, mode):
    x, filt = draw(2, 3, 16, 17), draw(*filter_size) / 10
    close(ours.correlate_downsample(x, filt, mode), theirs.correlate_downsample(x, filt, mode), dtype)
    for odd in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        close(ours.upsample_convolve(x, odd, filt, mode), theirs.upsample_convolve(x, odd, filt, mode), dtype)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1, 140, 131)])
@pytest.mark.parametrize("name", ["binom5", "binom4", "haar", "qmf5", "qmf9", "qmf12"])
@pytest.mark.parametrize("scale_filter", [True, False])
def test_resampling_with_a_named_filter(draw, dtype, shape, name, scale_filter):
    x, tolerance = draw(*shape), 4.0
    close(
        ours.blur_downsample(x, 1, name, scale_filter),
        theirs.blur_downsample(x, 1, name, scale_filter),
        dtype,
        tolerance,
    )
    for odd in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        mine, peers = (m.upsample_blur(x, odd, 2, name, scale_filter) for m in (ours, theirs))
        close(mine, peers, dtype, tolerance)


@pytest.mark.parametrize("name", ["daub2", "daub3"])
def test_daubechies_filters(draw, dtype, name):
    x = draw(1, 1, 16, 16)
    torch.testing.assert_close(ours.blur_downsample(x, 1, name), theirs.blur_downsample(x, 1, name), atol=1e-6, rtol=0)
    if dtype == torch.float64:
        torch.testing.assert_close(
            ours.blur_downsample(x, 1, name), theirs.blur_downsample(x, 1, name), atol=1e-10, rtol=0
        )


def test_same_padding(draw, dtype):
    x = draw(1, 2, 15, 18)
    for kernel, stride, dilation in [((3, 3), (1, 1), (1, 1)), ((4, 5), (1, 1), (1, 1)), ((7, 5), (2, 3), (2, 2))]:
        for mode in ("reflect", "constant", "replicate", "circular"):
            assert torch.equal(
                ours.same_padding(x, kernel, stride, dilation, mode),
                theirs.same_padding(x, kernel, stride, dilation, mode),
            )


@pytest.mark.parametrize("dim", [None, (2, 3), 1])
@pytest.mark.parametrize("keepdim", [True, False])
@pytest.mark.parametrize("name", ["variance", "skew", "kurtosis"])
def test_moments(draw, dtype, name, dim, keepdim):
    x = draw(2, 3, 16, 17)
    close(getattr(ours, name)(x, dim=dim, keepdim=keepdim), getattr(theirs, name)(x, dim=dim, keepdim=keepdim), dtype)


def test_ranges_and_crops(draw, dtype):
    x = draw(2, 3, 16, 17)
    close(ours.rescale(x, -1, 3), theirs.rescale(x, -1, 3), dtype)
    close(ours.rescale(torch.ones_like(x)), theirs.rescale(torch.ones_like(x)), dtype)
    for size in (1, 4, 5, 16):
        assert torch.equal(ours.center_crop(x, size), theirs.center_crop(x, size))


def test_autocorrelation(draw, dtype):
    x = draw(2, 1, 13, 12)
    close(ours.autocorrelation(x), theirs.autocorrelation(x), dtype)


@pytest.mark.parametrize("factor", [2.0, 0.5, -1.0])
def test_phase(draw, dtype, factor):
    z = torch.complex(draw(2, 5, 5) - 0.5, draw(2, 5, 5) - 0.5)
    close(ours.modulate_phase(z, factor), theirs.modulate_phase(z, factor), dtype)
    amplitude, phase = ours.rectangular_to_polar(z)
    for mine, peers in zip((amplitude, phase), theirs.rectangular_to_polar(z), strict=True):
        close(mine, peers, dtype)
    close(ours.polar_to_rectangular(amplitude, phase), theirs.polar_to_rectangular(amplitude, phase), dtype)


@pytest.mark.parametrize(("size", "factor"), [((8, 8), 2), ((8, 12), 1.5), ((4, 6), 4), ((64, 64), 2)])
def test_expand(draw, dtype, size, factor):
    x = draw(2, 1, *size)
    close(ours.expand(x, factor), theirs.expand(x, factor), dtype)
    z = torch.complex(x, x.flip(-1))
    close(ours.expand(z, factor), theirs.expand(z, factor), dtype)


@pytest.mark.parametrize(("size", "factor"), [((8, 8), 2), ((12, 18), 3), ((12, 12), 6), ((64, 64), 4)])
def test_shrink(draw, dtype, size, factor):
    x = draw(2, 1, *size)
    close(ours.shrink(x, factor), theirs.shrink(x, factor), dtype)


@pytest.mark.parametrize("shape", [(2, 3, 16, 17), (1, 1, 2, 9, 8)])
def test_local_gain_control(draw, dtype, shape):
    x = draw(*shape) - 0.5
    mine, peers = ours.local_gain_control(x), theirs.local_gain_control(x)
    for a, b in zip(mine, peers, strict=True):
        close(a, b, dtype, 4)
    close(ours.local_gain_release(*mine), theirs.local_gain_release(*peers), dtype)


def test_dictionaries(draw, dtype):
    real = {"residual_highpass": draw(1, 1, 8, 8), (0, 0): draw(1, 1, 8, 8), "residual_lowpass": draw(1, 1, 4, 4)}
    complex_ = real | {(0, 0): torch.complex(real[0, 0], real[0, 0].flip(-1))}
    for split, join, bands in [
        ("local_gain_control_dict", "local_gain_release_dict", real),
        ("rectangular_to_polar_dict", "polar_to_rectangular_dict", complex_),
    ]:
        mine, peers = (getattr(m, split)(bands, residuals=True) for m in (ours, theirs))
        back = [getattr(m, join)(*pair) for m, pair in ((ours, mine), (theirs, peers))]
        for a, b in [*zip(mine, peers, strict=True), back]:
            assert set(a) == set(b)
            for key in a:
                close(a[key], b[key], dtype, 4)


@pytest.mark.parametrize("scale_filter", [True, False])
@pytest.mark.parametrize("size", [(33, 40), (256, 150)])
def test_laplacian_pyramid(draw, dtype, size, scale_filter):
    x = draw(1, 2, *size)
    mine, peers = (m.LaplacianPyramid(4, scale_filter) for m in (ours, theirs))
    for a, b in zip(mine(x), peers(x), strict=True):
        close(a, b, dtype, 4)
    close(mine.recon_pyr(mine(x)), peers.recon_pyr(peers(x)), dtype)


@pytest.mark.parametrize("size", [(33, 40), (150, 70)])
def test_normalized_laplacian_pyramid(draw, dtype, size):
    x = draw(1, 2, *size)
    for a, b in zip(ours.normalized_laplacian_pyramid(x), theirs.normalized_laplacian_pyramid(x), strict=True):
        close(a, b, dtype, 20)


def test_noise_has_the_power_asked_for(draw, dtype):
    x = draw(2, 3, 16, 17)
    for mse in (0.1, [0.1, 0.5]):
        mine, peers = ((m.add_noise(x, mse) - x).square().mean((2, 3)) for m in (ours, theirs))
        expected = torch.as_tensor(mse, dtype=dtype).reshape(-1, 1).expand(2, 3)
        close(mine, expected, dtype)
        # plenoptic scales in single precision
        torch.testing.assert_close(mine, peers, atol=1e-6, rtol=0)
