"""Laws of the steerable pyramid and the texture model."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.func import jvp, vjp, vmap

import metameric as mm

# torch itself scripts its forward-mode formulas on first use.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")

BOUND = {torch.float32: 2e-6, torch.float64: 1e-12}


def random(*shape, dtype=torch.float64, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(
    shape=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    order=st.integers(0, 15),
    is_complex=st.booleans(),
    downsample=st.booleans(),
    tight_frame=st.booleans(),
    twidth=st.sampled_from([0.5, 1, 1.5]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_perfect_reconstruction(shape, order, is_complex, downsample, tight_frame, twidth, dtype):
    options = dict(order=order, is_complex=is_complex, downsample=downsample, tight_frame=tight_frame, twidth=twidth)
    pyramid = mm.process.SteerablePyramidFreq(shape, **options)
    image = random(2, 1, *shape, dtype=dtype)
    coefficients = pyramid(image)
    back = pyramid.recon_pyr(coefficients)
    assert back.dtype == dtype
    assert (back - image).abs().max() < BOUND[dtype]
    if tight_frame:
        energy = sum(value.abs().double().square().sum() for value in coefficients.values())
        assert torch.allclose(energy, image.double().square().sum(), rtol=1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("order", range(16))
def test_reconstruction_at_full_size(order):
    pyramid = mm.process.SteerablePyramidFreq((128, 96), order=order)
    for dtype, bound in BOUND.items():
        image = random(1, 1, 128, 96, dtype=dtype)
        assert (pyramid.recon_pyr(pyramid(image)) - image).abs().max() < bound


@pytest.mark.parametrize(
    "options",
    [
        dict(order=1, is_complex=True),
        dict(order=2),
        dict(order=1, is_complex=True, downsample=False, tight_frame=True),
        dict(order=0, boundary="reflect"),
    ],
)
@pytest.mark.parametrize("shape", [(8, 10), (9, 8)])
def test_derivatives(options, shape):
    pyramid = mm.process.SteerablePyramidFreq(shape, height=1, **options)
    image = random(1, *shape).requires_grad_()

    def analyse(x):
        return tuple(pyramid(x).values())

    assert gradcheck(analyse, image, check_forward_ad=True, check_batched_forward_grad=False)
    if options["order"] == 2:
        assert gradgradcheck(analyse, image)
    if pyramid.boundary == "circular":
        keys, values = zip(*pyramid(image.detach()).items(), strict=True)
        values = tuple(value.requires_grad_() for value in values)
        assert gradcheck(lambda *given: pyramid.recon_pyr(OrderedDict(zip(keys, given, strict=True))), values)


def test_function_transforms():
    pyramid = mm.process.SteerablePyramidFreq((16, 12), is_complex=True)
    image, tangent = random(2, 1, 16, 12), random(2, 1, 16, 12, seed=1)
    value, change = jvp(lambda x: pyramid(x)[0], (image,), (tangent,))
    assert torch.allclose(value, pyramid(image)[0])
    assert torch.allclose(change, pyramid(tangent)[0])
    many = random(3, 2, 1, 16, 12)
    mapped = vmap(lambda x: pyramid(x)[0])(many)
    assert torch.allclose(mapped, torch.stack([pyramid(x)[0] for x in many]))
    _, pull = vjp(lambda x: pyramid(x)[0], image)
    pulled = vmap(pull)(mapped)[0]
    assert torch.allclose(pulled[1], pull(mapped[1])[0])
    # <A x, y> = <x, A* y>
    assert torch.allclose((change.conj() * mapped[0]).real.sum(), (tangent * pulled[0]).sum())


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
def test_leading_dimensions(lead):
    pyramid = mm.process.SteerablePyramidFreq((16, 24), order=2)
    images = random(*lead, 16, 24)
    flat = images.reshape(-1, 16, 24)
    for name, value in pyramid(images).items():
        alone = torch.stack([pyramid(image)[name] for image in flat])
        assert torch.allclose(value, alone.reshape(value.shape), atol=1e-14)


MODEL = dict(n_scales=2, n_orientations=2, spatial_corr_width=3)


def test_texture_model_derivatives():
    model = mm.models.PortillaSimoncelli((16, 16), **MODEL)
    image = random(1, 1, 16, 16).requires_grad_()
    assert gradcheck(model, image, check_forward_ad=True, check_batched_forward_grad=False, fast_mode=True)
    assert gradgradcheck(model, image, fast_mode=True)


def test_texture_model_jacobian_products_agree():
    model = mm.models.PortillaSimoncelli((32, 32), **MODEL)
    image, tangent = random(2, 1, 32, 32), random(2, 1, 32, 32, seed=1)
    value, pushed = jvp(model, (image,), (tangent,))
    cotangent = random(*value.shape, seed=2)
    _, pull = vjp(model, image)
    assert torch.allclose((pushed * cotangent).sum(), (tangent * pull(cotangent)[0]).sum())
    tangents = torch.stack([tangent, 2 * tangent])
    mapped = vmap(lambda t: jvp(model, (image,), (t,))[1])(tangents)
    assert torch.allclose(mapped[1], 2 * pushed)


def test_texture_model_entries_are_independent():
    model = mm.models.PortillaSimoncelli((32, 32), **MODEL)
    images = random(2, 3, 32, 32)
    together = model(images)
    alone = torch.stack([torch.stack([model(c[None, None])[0, 0] for c in image]) for image in images])
    assert torch.allclose(together, alone, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["zero", "flat", "half flat", "point"])
def test_texture_model_is_finite_on_degenerate_images(dtype, kind):
    model = mm.models.PortillaSimoncelli((32, 32), **MODEL)
    image = torch.zeros(1, 1, 32, 32, dtype=dtype)
    if kind == "flat":
        image += 0.3
    elif kind == "half flat":
        image[..., :16] = random(1, 1, 32, 16, dtype=dtype)
    elif kind == "point":
        image[..., 5, 5] = 1
    image.requires_grad_()
    statistics = model(image)
    assert torch.isfinite(statistics).all()
    statistics.square().sum().backward()
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().max() < 1e6
