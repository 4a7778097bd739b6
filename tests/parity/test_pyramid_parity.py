"""The steerable pyramid against plenoptic and pyrtools.

The peers sample their masks in tables, which explains differences of up to 1e-5 of a band's maximum; with masks sampled
like theirs nothing but rounding remains: 1e-9 against pyrtools, 1e-7 against plenoptic, whose masks are stored in
single precision.
"""

import pytest
import torch

import metameric as mm

SAMPLED, SAMPLED_IN_SINGLE_PRECISION, EXACT = 1e-9, 1e-7, 1e-5


@pytest.fixture
def image(rng):
    return torch.rand(1, 2, 64, 48, generator=rng, dtype=torch.float64)


def worst(ours, theirs):
    """Largest difference relative to the largest coefficient of each band."""
    return max(float((ours[key] - theirs[key]).abs().max() / theirs[key].abs().max()) for key in theirs)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("downsample", [False, True])
@pytest.mark.parametrize("tight_frame", [False, True])
def test_plenoptic(image, sampled_profiles, order, is_complex, downsample, tight_frame):
    if is_complex and order == 0:
        pytest.skip("plenoptic refuses complex pyramids of order 0")
    po = pytest.importorskip("plenoptic")
    options = dict(order=order, is_complex=is_complex, downsample=downsample, tight_frame=tight_frame)
    theirs = po.process.SteerablePyramidFreq((64, 48), **options).double()(image)
    ours = mm.process.SteerablePyramidFreq((64, 48), **options)
    assert list(ours(image)) == list(theirs)
    assert worst(ours(image), theirs) < EXACT
    sampled = mm.process.SteerablePyramidFreq((64, 48), **options)
    sampled.profiles = sampled_profiles
    assert worst(sampled(image), theirs) < SAMPLED_IN_SINGLE_PRECISION


@pytest.mark.parametrize("levels", [[0], [1, "residual_highpass"], ["residual_lowpass"], "all"])
@pytest.mark.parametrize("bands", [[0, 2], "all"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_plenoptic_partial_reconstruction(image, sampled_profiles, levels, bands, is_complex):
    po = pytest.importorskip("plenoptic")
    peer = po.process.SteerablePyramidFreq((64, 48), is_complex=is_complex).double()
    ours = mm.process.SteerablePyramidFreq((64, 48), is_complex=is_complex)
    ours.profiles = sampled_profiles
    theirs = peer.recon_pyr(peer(image), levels, bands)
    assert torch.allclose(ours.recon_pyr(ours(image), levels, bands), theirs, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("even_phase", [False, True])
def test_plenoptic_steering(image, order, even_phase):
    po = pytest.importorskip("plenoptic")
    angles = torch.tensor([0.0, 0.3, 1.2, 4.0], dtype=torch.float64)
    peer = po.process.SteerablePyramidFreq((64, 48), order=order).double()
    coefficients = peer(image)
    theirs = peer.steer_coeffs(coefficients, angles, even_phase)
    ours = mm.process.SteerablePyramidFreq((64, 48), order=order).steer_coeffs(coefficients, angles, even_phase)
    for scale in theirs[0]:
        assert torch.allclose(ours[1][scale], theirs[1][scale].double(), atol=1e-6)
        assert torch.allclose(ours[0][scale], theirs[0][scale], atol=1e-5)


@pytest.mark.parametrize("split_complex", [False, True])
def test_plenoptic_packing(image, split_complex):
    po = pytest.importorskip("plenoptic")
    options = dict(order=2, is_complex=True, downsample=False)
    peer = po.process.SteerablePyramidFreq((64, 48), **options).double()
    ours = mm.process.SteerablePyramidFreq((64, 48), **options)
    coefficients = ours(image)
    tensor, info = ours.convert_pyr_to_tensor(coefficients, split_complex)
    theirs, their_info = peer.convert_pyr_to_tensor(coefficients, split_complex)
    assert torch.equal(tensor, theirs)
    assert info[:3] == their_info[:3]


@pytest.mark.parametrize("order", [0, 3])
def test_pyrtools(image, sampled_profiles, order):
    pt = pytest.importorskip("pyrtools")
    peer = pt.pyramids.SteerablePyramidFreq(image[0, 0].numpy(), height=2, order=order)
    ours = mm.process.SteerablePyramidFreq((64, 48), height=2, order=order)
    exact = ours(image)
    sampled = mm.process.SteerablePyramidFreq((64, 48), height=2, order=order)
    sampled.profiles = sampled_profiles
    for key, band in peer.pyr_coeffs.items():
        scale, index = (key[0], key[1]) if isinstance(key, tuple) else (key, None)
        theirs = torch.as_tensor(band)
        pick = (0, 0) if index is None else (0, 0, index)
        assert float((exact[scale][pick] - theirs).abs().max() / theirs.abs().max()) < EXACT
        assert float((sampled(image)[scale][pick] - theirs).abs().max() / theirs.abs().max()) < SAMPLED
