"""The four front ends: equations, derivatives, channels, sizes, blank images."""

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError
from metameric.models._frontend import LinearNonlinear, LuminanceContrastGainControl, LuminanceGainControl, OnOff

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

MODELS = [LinearNonlinear, LuminanceGainControl, LuminanceContrastGainControl, OnOff]
GREY_OR_COLOUR = MODELS[:3]


def image(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def small(kind: type) -> torch.nn.Module:
    return mm.remove_grad(kind(5).double())


def test_equation_of_luminance_and_contrast():
    model, x = small(LuminanceContrastGainControl), image(1, 1, 12, 13)
    y = model.center_surround(x) / (1 + model.luminance_scalar * model.luminance(x))
    contrast = model.contrast(y**2).sqrt() + 1e-6
    torch.testing.assert_close(model(x), torch.nn.functional.softplus(y / (1 + model.contrast_scalar * contrast)))


def test_channels_of_on_off_are_two_models():
    model, x = small(OnOff), image(1, 1, 12, 13)
    response = model(x)
    for i, on in enumerate((True, False)):
        single = LuminanceContrastGainControl(5, on_center=on).double()
        state = {k: v if v.ndim == 0 else v[i : i + 1] for k, v in model.state_dict().items()}
        single.load_state_dict(state)
        torch.testing.assert_close(response[:, i : i + 1], single(x).detach())


@pytest.mark.parametrize("kind", MODELS)
def test_derivatives(kind):
    model, x = small(kind), image(1, 1, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(model, x, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(model, x, fast_mode=True)


@pytest.mark.parametrize("kind", MODELS)
def test_jacobian_products_before_anything_was_kept(kind):
    x, v = image(1, 1, 9, 8), image(1, 1, 9, 8).flip(-1)
    torch.manual_seed(0)
    fresh, model = small(kind), small(kind)
    fresh.load_state_dict(model.state_dict())
    forward = torch.func.jvp(fresh, (x,), (v,))[1]
    epsilon = 1e-6
    finite = (model(x + epsilon * v) - model(x - epsilon * v)) / (2 * epsilon)
    torch.testing.assert_close(forward, finite, rtol=1e-5, atol=1e-8)
    w = torch.ones_like(forward)
    torch.testing.assert_close((torch.func.vjp(fresh, x)[1](w)[0] * v).sum(), (w * forward).sum())
    torch.testing.assert_close(fresh(x), model(x))


@pytest.mark.parametrize("kind", MODELS)
def test_vmap_and_batch_are_single_images(kind):
    model, x = small(kind), image(3, 1, 9, 8)
    singles = torch.cat([model(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(model(x), singles)
    torch.testing.assert_close(torch.func.vmap(lambda im: model(im[None])[0])(x), singles)


@pytest.mark.parametrize("kind", GREY_OR_COLOUR)
def test_colour_channels_are_independent(kind):
    model, x = small(kind), image(2, 3, 9, 8)
    singles = torch.cat([model(x[:, i : i + 1]) for i in range(3)], 1)
    torch.testing.assert_close(model(x), singles)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (64, 19)])
def test_pretrained_on_any_size(kind, size, dtype):
    model = mm.remove_grad(kind(31, pretrained=True)).to(dtype)
    response = model(image(2, 1, *size).to(dtype))
    assert response.dtype == dtype
    assert response.shape == (2, 2 if kind is OnOff else 1, *size)
    assert response.isfinite().all() and response.min() > 0


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_gradient_of_a_blank_image_is_finite(kind, level):
    model = mm.remove_grad(kind(31, pretrained=True))
    x = torch.full((1, 1, 32, 32), level, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("kind", MODELS[1:])
def test_parameters_learn(kind):
    model = kind(5)
    model(image(1, 1, 9, 9).float()).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_changed_parameters_are_noticed():
    model, x = small(LuminanceGainControl), image(1, 1, 9, 9)
    before = model(x)
    with torch.no_grad():
        model.luminance.std.mul_(2)
    after = model(x)
    twin = small(LuminanceGainControl)
    twin.load_state_dict(model.state_dict())
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, twin(x))


def test_mask():
    model, x = OnOff(5, apply_mask=True), image(1, 1, 16, 12).float()
    response = model(x)
    assert response[..., 0, 0].abs().max() == 0
    model.apply_mask = False
    torch.testing.assert_close(response, model(x) * mm.data.disk((16, 12)))


def test_random_scalars_follow_the_seed():
    state = torch.get_rng_state()
    scalar = OnOff(5).luminance_scalar
    assert torch.equal(torch.get_rng_state(), state)
    assert (scalar >= 0).all() and (scalar <= 10).all() and scalar[0] != scalar[1]


@pytest.mark.parametrize("kind", MODELS)
def test_pretrained_needs_its_kernel_size(kind):
    with pytest.raises(
        InputError, match=r"kernel_size is \(7, 7\), but the pretrained parameters belong to \(31, 31\)"
    ):
        kind(7, pretrained=True)


def test_on_off_needs_one_channel():
    with pytest.raises(InputError, match=r"image of shape \(1, 3, 9, 9\) for a model of 2 filters"):
        OnOff(5)(torch.rand(1, 3, 9, 9))


@pytest.mark.parametrize("kind", MODELS)
def test_display_filters(kind):
    import matplotlib.pyplot as plt

    figure = kind(9).display_filters()
    n_panels = sum(bool(ax.images) for ax in figure.axes)
    assert n_panels == len(kind.filter_titles)
    plt.close(figure)
