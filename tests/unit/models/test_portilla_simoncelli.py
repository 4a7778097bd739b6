"""The texture model's interface: counts, scales, dictionary and tensor, drawing, errors."""

import jaxtyping
import matplotlib.pyplot as plt
import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError, InputTypeError
from metameric.models.portilla_simoncelli import _filters, _fused
from metameric.models.portilla_simoncelli import _statistics as statistics

Model = mm.models.PortillaSimoncelli


@pytest.fixture
def unchecked():
    """Without the run-time type checks of the tests, as a user has it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def image(rng):
    return torch.rand(2, 3, 64, 64, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize(
    "options, count",
    [((4, 4, 7), 710), ((4, 4, 9), 1046), ((3, 4, 7), 529), ((5, 4, 7), 891), ((4, 6, 7), 1126)],
)
def test_number_of_statistics(options, count):
    size = 16 * 2 ** options[0]
    assert Model((size, size), *options)(torch.zeros(1, 1, size, size)).shape == (1, 1, count)


def test_scales_partition_the_statistics(image):
    model = Model((64, 64), n_scales=3)
    whole = model(image)
    parts = [model(image, [scale]) for scale in model.scales]
    assert sum(part.shape[-1] for part in parts) == whole.shape[-1]
    for scale, part in zip(model.scales, parts, strict=True):
        assert torch.allclose(part, model.remove_scales(whole, [scale]), atol=1e-12)


def test_dictionary_and_tensor_are_inverse(image):
    model = Model((64, 64), n_scales=2, n_orientations=3)
    representation = model(image)
    families = model.convert_to_dict(representation)
    assert families["cross_scale_correlation_real"].shape == (2, 3, 3, 6, 1)
    assert torch.equal(model.convert_to_tensor(families), representation)
    assert torch.isnan(families["cross_orientation_correlation_magnitude"][0, 0, 0, 0]).all()


def test_autocovariance_is_that_of_the_definition(rng):
    image = torch.rand(2, 8, 9, generator=rng, dtype=torch.float64)
    lags = statistics.autocovariance(statistics.power_spectrum(image), 9, 3)
    centred = image - image.mean((-2, -1), keepdim=True)
    for row in range(3):
        for column in range(3):
            shifted = torch.roll(centred, (row - 1, column - 1), (-2, -1))
            assert torch.allclose(lags[:, row, column], (centred * shifted).mean((-2, -1)), atol=1e-14)


def test_phase_doubling_is_that_of_the_definition(rng):
    band = torch.randn(2, 3, 4, 5, generator=rng, dtype=torch.float64)
    z = torch.complex(band[0], band[1])
    modulus, real, imaginary = statistics.phase_doubled(band)
    assert torch.allclose(modulus, z.abs())
    assert torch.allclose(torch.complex(real, imaginary), torch.polar(z.abs(), 2 * z.angle()))


@pytest.mark.parametrize("dtype, size", [(torch.float32, 1e-25), (torch.float64, 1e-170)])
def test_moduli_whose_squares_vanish_have_no_derivative(dtype, size):
    band = (size * torch.tensor([3.0, 4.0], dtype=dtype)).reshape(2, 1, 1, 1).requires_grad_()
    for function in (statistics.magnitude, statistics.phase_doubled):
        (gradient,) = torch.autograd.grad(function(band).sum(), band, create_graph=True)
        assert gradient.abs().max() == 0
        assert torch.autograd.grad(gradient.sum(), band)[0].abs().max() == 0
        _, tangent = torch.func.jvp(function, (band.detach(),), (torch.ones_like(band),))
        assert tangent.abs().max() == 0


def _synthetic(name):
    if name == "flat":
        return torch.full((1, 1, 32, 32), 0.3)
    if name == "edge":
        return (torch.arange(32) >= 16).float().expand(1, 1, 32, 32)
    return mm.data.grating(32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["grating", "edge", "flat"])
def test_derivatives_of_images_with_silent_coefficients_are_finite_and_agree(rng, name, dtype):
    image = _synthetic(name).to(dtype).contiguous().requires_grad_()
    model = Model((32, 32), 2, 2, 3)
    change = torch.randn(image.shape, generator=rng).to(dtype)
    forward = torch.func.jvp(model, (image.detach(),), (change,))[1].flatten()
    values = model(image)
    jacobian = torch.stack([torch.autograd.grad(v, image, retain_graph=True)[0].flatten() for v in values.flatten()])
    scale = float(jacobian.abs().max())
    assert torch.allclose(forward, jacobian @ change.flatten(), rtol=1e-4, atol=1e-3 * scale)
    (gradient,) = torch.autograd.grad(values.sum(), image, create_graph=True)
    assert torch.allclose(gradient.flatten(), jacobian.sum(0), rtol=1e-4, atol=1e-3 * scale)
    assert torch.autograd.grad(gradient, image, change)[0].isfinite().all()


def test_several_gradients_of_one_call_at_once(rng):
    model, image = Model((32, 32), 2, 2, 3), torch.rand(1, 1, 32, 32, generator=rng, dtype=torch.float64)
    values = model(image.requires_grad_())
    given = torch.randn(3, *values.shape, generator=rng, dtype=torch.float64)

    def gradient(one):
        return torch.autograd.grad(values, image, one, retain_graph=True)[0]

    assert torch.allclose(torch.func.vmap(gradient)(given), torch.stack([gradient(one) for one in given]))


def test_single_precision_stays_whatever_the_default():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert Model((32, 32), 2, 2, 3)(torch.zeros(1, 1, 32, 32, dtype=torch.float32)).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)


def test_eigendistortions_of_a_grating():
    found = mm.Eigendistortion(mm.data.grating(32), Model((32, 32), 2, 2, 3)).synthesize(k=1)
    assert found.eigenvalues.isfinite().all()


@pytest.mark.parametrize(
    "options, shape",
    [
        (dict(n_scales=3), (64, 96)),
        (dict(n_scales=2, n_orientations=3, spatial_corr_width=5), (48, 40)),
        (dict(n_scales=1, n_orientations=2, spatial_corr_width=1), (10, 14)),
        # From 256 rows on transforms go by way of rows that are set apart.
        (dict(n_scales=2, n_orientations=2, spatial_corr_width=3), (256, 32)),
    ],
)
@pytest.mark.parametrize("piece_pixels", [1, 2**16])
def test_moments_and_gradient_are_those_of_plain_operations(rng, monkeypatch, options, shape, piece_pixels):
    monkeypatch.setattr(_fused, "PIECE_PIXELS", piece_pixels)
    model = Model(shape, **options)
    image = torch.rand(2, 1, *shape, generator=rng, dtype=torch.float64).round(decimals=2).requires_grad_()
    for scales in (model.scales, model.scales[1:3], [0, "residual_highpass"], ["pixel_statistics"]):
        slots, _ = model._plan(tuple(scales))
        fused, plain = model._moments(slots, image), model._plain(slots, image)
        assert torch.allclose(fused, plain, rtol=1e-10, atol=1e-13)
        cotangent = torch.rand(fused.shape, generator=rng, dtype=torch.float64)
        expected = torch.autograd.grad(plain, image, cotangent)[0]
        # The second time the coefficients are gone.
        for _ in range(2):
            gradient = torch.autograd.grad(fused, image, cotangent, retain_graph=True)[0]
            assert torch.allclose(gradient, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.parametrize("n_orientations", [2, 3])
def test_planes_one_by_one_are_as_planes_at_once(image, monkeypatch, n_orientations):
    model = Model((64, 64), n_scales=2, n_orientations=n_orientations)
    found = []
    for cache in (1, 2**30):
        monkeypatch.setattr(_filters, "CACHE_BYTES", cache)
        leaf = image.clone().requires_grad_()
        statistics = model(leaf)
        found.append((statistics.detach(), torch.autograd.grad(statistics.square().sum(), leaf)[0]))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-11 * float(other.abs().max()))


def test_two_forward_passes_before_their_backward_passes(image):
    model = Model((64, 64), n_scales=2)
    alone = []
    for entry in (image[:1], image[1:]):
        leaf = entry.clone().requires_grad_()
        alone.append(torch.autograd.grad(model(leaf).sum(), leaf)[0])
    first, second = image[:1].clone().requires_grad_(), image[1:].clone().requires_grad_()
    one, other = model(first), model(second)
    assert torch.equal(torch.autograd.grad(one.sum(), first)[0], alone[0])
    assert torch.equal(torch.autograd.grad(other.sum(), second)[0], alone[1])


def test_flat_image_has_the_statistics_of_no_contrast():
    model = Model((32, 32), n_scales=1, spatial_corr_width=5)
    families = model.convert_to_dict(model(torch.full((1, 1, 32, 32), 0.3)))
    assert families["pixel_statistics"][0, 0].tolist() == pytest.approx([0.3, 0, 0, 3, 0.3, 0.3], abs=1e-6)
    assert families["magnitude_std"].abs().max() == 0


def test_correlations_do_not_depend_on_contrast(image):
    model = Model((64, 64), n_scales=2)
    one, other = (model.convert_to_dict(model(x)) for x in (image, 7 * image + 2))
    for name in one:
        if "correlation" in name:
            assert torch.allclose(one[name], other[name], atol=1e-9, equal_nan=True), name


def test_single_precision_is_close_to_double(image):
    model = Model((64, 64), n_scales=3)
    double = model(255 * image)
    single = model((255 * image).float())
    assert single.dtype == torch.float32
    assert ((single - double).abs() / double.abs().clamp_min(1)).max() < 1e-4


def test_drawing(image):
    model = Model((64, 64), n_scales=2)
    figure, axes = model.plot_representation(model(image), batch_idx=1)
    assert len(axes) == 8
    assert len(model.update_plot(axes, model.convert_to_dict(model(image)))) >= len(axes)
    plt.close(figure)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((100, 64),), "divisible by 2"),
        (((64, 64), 5), "at most 4 scales"),
        (((64, 64), 0), "n_scales"),
        (((64, 64), 2, 1), "n_orientations"),
        (((64, 64), 2, 4, 6), "odd"),
        (((64, 64), 4, 4, 7), "fewer lags"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        Model(*arguments)


@pytest.mark.usefixtures("unchecked")
def test_bad_calls(image):
    model = Model((64, 64), n_scales=2)
    with pytest.raises(InputError, match="height and width"):
        model(image[..., :32])
    with pytest.raises(InputTypeError, match="convert it"):
        model(image.half())
    with pytest.raises(InputError, match="found \\[5\\]"):
        model(image, scales=[5])
    with pytest.raises(InputError, match="those of all scales"):
        model.remove_scales(model(image, [0]), [0])
    with pytest.raises(InputError, match="Expected a tensor of"):
        model.convert_to_dict(model(image, [0]))
    with pytest.raises(InputError, match="lacks"):
        model.convert_to_tensor({})
