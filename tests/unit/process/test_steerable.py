"""The steerable pyramid's interface: shapes, subsets, steering, packing, boundaries, band descriptions, errors."""

import copy
import pickle
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import jaxtyping
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError, InputTypeError, StateError
from metameric.process.steerable import _direct, _passes

Pyramid = mm.process.SteerablePyramidFreq


@pytest.fixture
def unchecked():
    """Without the run-time type checks of the tests, as a user has it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def image(rng):
    return torch.rand(2, 1, 32, 48, generator=rng, dtype=torch.float64)


def test_attributes_and_shapes(image):
    pyramid = Pyramid((32, 48), order=2)
    assert (pyramid.num_scales, pyramid.num_orientations, pyramid.order) == (3, 3, 2)
    assert pyramid.scales == ["residual_lowpass", 2, 1, 0, "residual_highpass"]
    coefficients = pyramid(image)
    assert {name: tuple(value.shape[-2:]) for name, value in coefficients.items()} == pyramid.pyr_size
    assert coefficients[1].shape == (2, 1, 3, 16, 24)
    assert coefficients["residual_lowpass"].shape == (2, 1, 4, 6)


def test_dtype_follows_the_image(image, dtype):
    coefficients = Pyramid((32, 48), is_complex=True)(image.to(dtype))
    assert coefficients["residual_highpass"].dtype == dtype
    assert coefficients[0].dtype == dtype.to_complex()


def test_subset_of_scales_equals_the_whole(image):
    pyramid = Pyramid((32, 48))
    whole = pyramid(image)
    some = pyramid(image, scales=["residual_lowpass", 1])
    assert list(some) == [1, "residual_lowpass"]
    assert all(torch.equal(value, whole[name]) for name, value in some.items())
    assert pyramid(image, scales=[]) == {}


def test_no_scales_leaves_the_residuals(image):
    pyramid = Pyramid((32, 48), height=0)
    coefficients = pyramid(image)
    assert torch.allclose(pyramid.recon_pyr(coefficients), image)
    assert coefficients["residual_lowpass"].shape == image.shape


def test_real_part_of_complex_pyramid_is_the_real_pyramid(image):
    real, analytic = Pyramid((32, 48), order=4)(image), Pyramid((32, 48), order=4, is_complex=True)(image)
    assert all(torch.allclose(analytic[scale].real, real[scale], atol=1e-12) for scale in range(3))


def test_partial_reconstructions_add_up(image):
    pyramid = Pyramid((32, 48), is_complex=True)
    coefficients = pyramid(image)
    levels = sum(pyramid.recon_pyr(coefficients, [level]) for level in pyramid.scales)
    assert torch.allclose(levels, image, atol=1e-12)
    bands = sum(pyramid.recon_pyr(coefficients, [0], [band]) for band in range(4))
    assert torch.allclose(bands, pyramid.recon_pyr(coefficients, [0]), atol=1e-12)
    assert not pyramid.recon_pyr(coefficients, []).any()


def test_nothing_chosen_reconstructs_to_nothing(image):
    pyramid = Pyramid((32, 48))
    for scales in (None, [0], ["residual_lowpass"]):
        assert torch.equal(pyramid.recon_pyr(pyramid(image, scales=scales), levels=[]), torch.zeros_like(image))


@pytest.mark.parametrize("shape", [(1, 16), (4, 4), (7, 90)])
def test_images_too_small_for_bands_have_residuals_only(shape):
    pyramid = Pyramid(shape)
    assert pyramid.num_scales == 0
    assert f"{shape}, height=0, order=3" in repr(pyramid)


def test_the_most_orientations_are_sixteen(image):
    pyramid = Pyramid((32, 48), height=1, order=15)
    assert pyramid.num_orientations == 16
    torch.testing.assert_close(pyramid.recon_pyr(pyramid(image)), image)


def test_steering_to_own_orientations_is_identity(image):
    pyramid = Pyramid((32, 48), order=3)
    coefficients = pyramid(image)
    angles = torch.arange(4, dtype=torch.float64) * torch.pi / 4
    steered, weights = pyramid.steer_coeffs(coefficients, angles)
    assert torch.allclose(steered[0], coefficients[0], atol=1e-12)
    assert torch.allclose(weights[0], torch.eye(4, dtype=torch.float64), atol=1e-12)


def test_steering_to_a_new_orientation_is_a_directional_derivative():
    """Order 1 bands are a gradient: steered along a grating they keep it, across they lose it."""
    rows, columns = torch.meshgrid(*[torch.arange(32, dtype=torch.float64)] * 2, indexing="ij")
    grating = torch.cos(2 * torch.pi * (4 * columns + 4 * rows) / 32)[None, None]
    pyramid = Pyramid((32, 32), order=1)
    steered, _ = pyramid.steer_coeffs(pyramid(grating), [torch.pi / 4, -torch.pi / 4])
    along, across = steered[1].abs().amax((0, 1, 3, 4))
    assert across < 1e-12 < 0.1 < along


@pytest.mark.parametrize("split_complex", [False, True])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("order", [0, 2])
def test_packing_is_invertible(image, split_complex, is_complex, order):
    pyramid = Pyramid((32, 48), order=order, is_complex=is_complex, downsample=False)
    coefficients = pyramid(image)
    assert pyramid.convert_pyr_to_tensor(coefficients)[0].is_complex() == is_complex
    tensor, info = pyramid.convert_pyr_to_tensor(coefficients, split_complex)
    back = pyramid.convert_tensor_to_pyr(tensor, *info)
    assert list(back) == list(coefficients)
    assert all(torch.equal(back[name], value) for name, value in coefficients.items())


def test_packing_needs_one_size(image):
    pyramid = Pyramid((32, 48))
    with pytest.raises(StateError, match="downsample=False"):
        pyramid.convert_pyr_to_tensor(pyramid(image))


def test_reflecting_boundary_sees_no_edge():
    ramp = torch.linspace(0, 1, 64, dtype=torch.float64).expand(1, 1, 64, 64)
    wrapped = Pyramid((64, 64))(ramp)[0].abs().amax()
    reflected = Pyramid((64, 64), boundary="reflect")(ramp)[0].abs().amax()
    assert reflected < 0.1 * wrapped


def test_zero_boundary_equals_padding_by_hand(image):
    padded = torch.zeros(2, 1, 64, 96, dtype=torch.float64)
    padded[..., :32, :48] = image
    by_hand = Pyramid((64, 96), height=2)(padded)
    ours = Pyramid((32, 48), height=2, boundary="zero")(image)
    assert ours[1].shape == (2, 1, 4, 16, 24)
    assert torch.allclose(ours[1], by_hand[1][..., :16, :24], atol=1e-12)


@pytest.mark.parametrize("boundary", ["reflect", "zero"])
def test_other_boundaries_cannot_be_inverted(image, boundary):
    pyramid = Pyramid((32, 48), boundary=boundary)
    with pytest.raises(InputError, match="boundary='circular'"):
        pyramid.recon_pyr(pyramid(image))


@pytest.mark.parametrize("is_complex", [False, True])
def test_filters_are_the_impulse_responses(is_complex):
    pyramid = Pyramid((32, 32), is_complex=is_complex, downsample=False, tight_frame=False)
    impulse = torch.zeros(32, 32, dtype=torch.float64)
    impulse[16, 16] = 1
    filters, responses = pyramid.filters("spatial"), pyramid(impulse)
    for name in filters:
        assert filters[name].shape == responses[name].shape
        growth = 2.0 ** (name if isinstance(name, int) else 3 if name == "residual_lowpass" else 0)
        assert torch.allclose(growth * filters[name], responses[name], atol=1e-12)
    fourier = pyramid.filters("fourier")
    spectrum = torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(filters[0], dim=(-2, -1))), dim=(-2, -1))
    assert torch.allclose(spectrum, fourier[0], atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_filters_are_directional_derivatives(order):
    """Of the n-th order: (i k)^n at a frequency k along the direction, up to the sign that all orders share."""
    filters = Pyramid((32, 32), height=1, order=order, downsample=False).filters("fourier")
    power = sum(f.abs().square().reshape(-1, 32, 32).sum(0) for f in filters.values())
    torch.testing.assert_close(power, torch.ones_like(power))
    first = filters[0][0]
    along = first[16, 16 + 10]
    expected = (-1j) ** order
    assert abs(along / abs(along) - expected) < 1e-12
    assert abs(first[16, 16 - 10] / abs(along) - expected.conjugate()) < 1e-12


@pytest.mark.parametrize("order", [1, 2, 3])
def test_complex_filters_pass_one_side_only(order):
    """That to which the orientation points."""
    filters = Pyramid((32, 32), height=1, order=order, is_complex=True).filters("fourier")[0]
    frequency = torch.arange(-16, 16, dtype=torch.float64)
    for index, transfer in enumerate(filters):
        turn = torch.tensor(torch.pi * index / (order + 1))
        ahead = frequency * turn.cos() + frequency[:, None] * turn.sin()
        assert transfer[ahead < -1e-9].abs().max() == 0
        assert transfer[ahead > 1].abs().max() > 0.1


@pytest.mark.parametrize("twidth", [0.5, 1, 2])
def test_transitions_are_as_wide_as_said(twidth):
    highpass = Pyramid((64, 64), height=1, twidth=twidth).filters("fourier")["residual_highpass"]
    row = highpass[32, 32:].real
    frequency = torch.arange(32) / 32
    assert (row[frequency <= 0.5**twidth] < 1e-12).all()
    assert (row[(frequency > 0.5**twidth)] > 0).all()


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("downsample", [False, True])
@pytest.mark.parametrize("tight_frame", [False, True])
def test_every_kind_is_inverted(is_complex, downsample, tight_frame, image):
    options = {"is_complex": is_complex, "downsample": downsample, "tight_frame": tight_frame}
    pyramid = Pyramid((32, 48), height=2, order=2, **options)
    torch.testing.assert_close(pyramid.recon_pyr(pyramid(image)), image, rtol=0, atol=1e-12)


@pytest.mark.parametrize("downsample", [False, True])
def test_gradient_of_the_reconstruction(downsample, rng):
    pyramid = Pyramid((16, 16), height=2, order=1, tight_frame=False, downsample=downsample)
    coefficients = pyramid(torch.rand(1, 1, 16, 16, generator=rng, dtype=torch.float64))

    def reconstruct(*values):
        return pyramid.recon_pyr(OrderedDict(zip(coefficients, values, strict=True)))

    probe = torch.rand(1, 1, 16, 16, generator=rng, dtype=torch.float64)
    inputs = [value.clone().requires_grad_() for value in coefficients.values()]
    gradients = torch.autograd.grad((reconstruct(*inputs) * probe).sum(), inputs)
    # The map is linear: along any direction the gradient tells the difference.
    for k, gradient in enumerate(gradients):
        direction = torch.rand(gradient.shape, generator=rng, dtype=torch.float64)
        alone = [direction if i == k else torch.zeros_like(value) for i, value in enumerate(inputs)]
        torch.testing.assert_close((gradient * direction).sum(), (reconstruct(*alone) * probe).sum())


def test_reconstruction_is_its_own_directional_derivative(image):
    pyramid = Pyramid((32, 48), height=1, order=1)
    coefficients = pyramid(image)
    value, slope = torch.func.jvp(
        lambda low: pyramid.recon_pyr(OrderedDict(coefficients, residual_lowpass=low)),
        (coefficients["residual_lowpass"],),
        (coefficients["residual_lowpass"],),
    )
    torch.testing.assert_close(value, image, rtol=0, atol=1e-12)
    torch.testing.assert_close(slope, pyramid.recon_pyr(coefficients, levels=["residual_lowpass"]))


def test_description_agrees_with_the_filters():
    pyramid = Pyramid((256, 256), order=3, is_complex=True)
    bands = pyramid.describe_bands()
    assert len(bands) == 4 * pyramid.num_scales
    band = next(b for b in bands if b.scale == 1 and b.orientation == 0)
    frequencies = torch.fft.fftshift(torch.fft.fftfreq(256))
    profile = pyramid.filters("fourier")[1][0, 128].abs()
    assert abs(frequencies[profile.argmax()]) == band.peak_frequency == 0.125
    passed = frequencies[profile > profile.max() / 2]
    assert torch.log2(passed[-1] / passed[0]) == pytest.approx(band.octave_bandwidth, abs=0.1)
    envelope = pyramid.filters("spatial")[1][0].abs()
    assert float((envelope[128] > envelope.max() / 2).sum()) == pytest.approx(band.extent_along, abs=1.5)
    assert float((envelope[:, 128] > envelope.max() / 2).sum()) == pytest.approx(band.extent_across, abs=1.5)
    assert [b.angle for b in bands[:4]] == [0, 45, 90, 135]


def half_width(values, step):
    """Where values that fall from a peak first cross its half, by linear interpolation."""
    i = int((values > values[0] / 2).int().argmin())
    return step * (i - float((values[0] / 2 - values[i]) / (values[i - 1] - values[i])))


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("order", [1, 3])
def test_widths_are_those_of_the_filters_to_a_hundredth(order, scale):
    pyramid = Pyramid((256, 256), order=order, is_complex=True)
    band = next(b for b in pyramid.describe_bands() if (b.scale, b.orientation) == (scale, 0))
    spectrum = pyramid.filters("fourier")[scale][0]
    frequencies = torch.fft.fftshift(torch.fft.fftfreq(256, dtype=torch.float64))
    positions = torch.arange(0, 30, 0.05, dtype=torch.float64)
    waves = torch.exp(2j * torch.pi * positions[:, None] * frequencies)
    along, across = ((waves @ spectrum.sum(dim)).abs() for dim in (0, 1))
    assert 2 * half_width(along, 0.05) == pytest.approx(band.extent_along, rel=0.01)
    assert 2 * half_width(across, 0.05) == pytest.approx(band.extent_across, rel=0.01)
    # Along a ring the amplitude depends on the orientation alone.
    radius = torch.hypot(frequencies[:, None], frequencies)
    angle = torch.rad2deg(torch.atan2(frequencies[:, None], frequencies).abs())
    ring = (radius - band.peak_frequency).abs() < 0.002
    passed = angle[ring & (spectrum.abs() > spectrum.abs().max() / 2)]
    assert 2 * float(passed.max()) == pytest.approx(band.orientation_bandwidth, rel=0.1)


def test_description_in_degrees_of_visual_angle():
    pyramid = Pyramid((64, 64), order=0)
    pixels, degrees = pyramid.describe_bands()[0], pyramid.describe_bands(pixels_per_degree=20)[0]
    assert degrees.peak_frequency == pytest.approx(20 * pixels.peak_frequency)
    assert degrees.extent_along == pytest.approx(pixels.extent_along / 20)
    assert degrees.extent_across == pytest.approx(pixels.extent_across / 20)
    assert degrees.octave_bandwidth == pixels.octave_bandwidth
    assert pixels.orientation_bandwidth == 180


def test_state_is_empty_and_copies_work(image):
    pyramid = Pyramid((32, 48))
    expected = pyramid(image)[0]
    assert not pyramid.state_dict()
    for copied in (copy.deepcopy(pyramid), pickle.loads(pickle.dumps(pyramid))):
        assert torch.equal(copied(image)[0], expected)


def test_masks_made_in_inference_mode_serve_training(image):
    pyramid = Pyramid((32, 48))
    with torch.inference_mode():
        pyramid(image)
    wanted = image.clone().requires_grad_()
    pyramid(wanted)[0].sum().backward()
    assert torch.isfinite(wanted.grad).all()


SHAPES = [(256, 256), (512, 320), (150, 300), (600, 384), (129, 1024)]
"""Planes transformed together, one by one and in slabs, with and without padding."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("downsample", [False, True])
def test_large_images_meet_the_definition(shape, is_complex, downsample, rng):
    pyramid = Pyramid(shape, height=2, order=2, is_complex=is_complex, downsample=downsample)
    images = torch.rand(2, 1, *shape, generator=rng, dtype=torch.float64)
    coefficients, filters = pyramid(images), pyramid.filters("fourier")
    spectrum = torch.fft.fft2(images)
    for name in pyramid.scales:
        transfer = torch.fft.ifftshift(filters[name], dim=(-2, -1))
        wanted = torch.fft.ifft2((spectrum.unsqueeze(2) if isinstance(name, int) else spectrum) * transfer)
        level = name if isinstance(name, int) else 2 if name == "residual_lowpass" else 0
        if downsample and any(size % 2**level for size in shape):
            continue  # Not on the grid of the image.
        step, gain = (2**level, 4**level) if downsample else (1, 2**level)
        wanted = gain * wanted[..., ::step, ::step]
        assert torch.allclose(
            coefficients[name], wanted if coefficients[name].is_complex() else wanted.real, atol=1e-12
        )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_complex", [False, True])
def test_backward_is_the_adjoint_at_large_sizes(shape, is_complex, rng):
    pyramid = Pyramid(shape, height=2, order=2, is_complex=is_complex)
    images = torch.rand(2, 1, *shape, generator=rng, dtype=torch.float64).requires_grad_()
    coefficients = list(pyramid(images).values())
    directions = [torch.rand(value.shape, generator=rng, dtype=torch.float64).to(value.dtype) for value in coefficients]
    (pulled,) = torch.autograd.grad(coefficients, images, directions)
    product = sum((c.conj() * d).real.sum() for c, d in zip(coefficients, directions, strict=True))
    assert torch.allclose((images * pulled).sum(), product)


def test_threads_do_not_share_work_memory(rng):
    images = torch.rand(8, 1, 1, 256, 192, generator=rng)
    pyramid = Pyramid((256, 192), is_complex=True)
    wanted = [pyramid(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(pyramid, images))
    assert all(torch.equal(a[name], b[name]) for a, b in zip(found, wanted, strict=True) for name in a)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(image_shape=(32,)), "two integers"),
        (dict(image_shape=(32.0, 32)), "two integers"),
        (dict(image_shape=(0, 32)), "positive"),
        (dict(order=16), r"\[0, 15\]"),
        (dict(order=2.5), r"\[0, 15\]"),
        (dict(height=4), "at most 3"),
        (dict(height=-1), "non-negative"),
        (dict(height="x"), "'auto'"),
        (dict(twidth=0), "twidth"),
        (dict(boundary="edge"), "'circular', 'reflect' or 'zero'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        Pyramid(**{"image_shape": (32, 32), **arguments})


@pytest.mark.usefixtures("unchecked")
def test_bad_calls(image):
    pyramid = Pyramid((32, 48))
    with pytest.raises(InputError, match="resize it"):
        pyramid(image[..., :32])
    with pytest.raises(InputTypeError, match="convert it"):
        pyramid(image.half())
    with pytest.raises(InputError, match="found \\[9\\]"):
        pyramid(image, scales=[9])
    coefficients = pyramid(image)
    with pytest.raises(InputTypeError, match="levels"):
        pyramid.recon_pyr(coefficients, levels="residual_lowpass")
    with pytest.raises(InputError, match="bands"):
        pyramid.recon_pyr(coefficients, bands=[4])
    with pytest.raises(InputTypeError, match="bands"):
        pyramid.recon_pyr(coefficients, bands="first")
    with pytest.raises(InputError, match="scales=None"):
        pyramid.recon_pyr(pyramid(image, scales=[0]))
    with pytest.raises(InputError, match="domain"):
        pyramid.filters("time")


@pytest.mark.parametrize("shape", [(64, 64), (33, 48), (37, 41)])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("downsample", [False, True])
def test_all_ways_of_transforming_give_the_same(shape, is_complex, downsample, monkeypatch):
    """As small and as large images have them, whole or in parts: coefficients, gradients, images from some of them."""
    image = torch.rand(2, 3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    in_one_go = {(_direct, "LARGEST"): 2**16, (_direct, "AT_ONCE"): 2**24, (_direct, "FEW"): 2**14}
    in_one_go |= {(_passes, "SMALL"): 2**14, (_passes, "SLAB"): 2**16}
    results = []
    for changed in (
        {},
        {(_direct, "AT_ONCE"): 1, (_direct, "FEW"): 0},
        {(_direct, "LARGEST"): 0},
        {(_direct, "LARGEST"): 0, (_passes, "SMALL"): 0},
        {(_direct, "LARGEST"): 0, (_passes, "SMALL"): 0, (_passes, "SLAB"): 500},
    ):
        for (module, name), value in (in_one_go | changed).items():
            assert hasattr(module, name)
            monkeypatch.setattr(module, name, value)
        pyramid = Pyramid(shape, order=2, is_complex=is_complex, downsample=downsample)
        leaf = image.clone().requires_grad_()
        coefficients = pyramid(leaf)
        total = sum((i + 1) * (1 + value.abs()).square().sum() for i, value in enumerate(coefficients.values()))
        (gradient,) = torch.autograd.grad(total, leaf)
        again = pyramid.recon_pyr(coefficients, levels=[0, "residual_lowpass"], bands=[1])
        results.append([*coefficients.values(), gradient, again])
    for others in results[1:]:
        for other, first in zip(others, results[0], strict=True):
            torch.testing.assert_close(other, first, rtol=1e-10, atol=1e-10)
