"""Identity, Linear, Gaussian and CenterSurround: filters, channels, changes of parameters."""

import copy
import itertools
import pickle

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError
from metameric.models._naive import CenterSurround, Gaussian, Identity, Linear


def image(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def test_identity_copies():
    x = image(1, 1, 3, 3)
    y = Identity()(x)
    assert torch.equal(x, y) and y.data_ptr() != x.data_ptr()


def test_default_linear_filters_split_low_and_band():
    low, band = Linear((7, 7)).conv.weight
    assert low.sum().item() == pytest.approx(1, abs=1e-6)
    assert band.sum().item() == pytest.approx(0, abs=1e-6)
    assert 0.01 < band.abs().max() < 1


def test_random_linear_filters_follow_the_seed_and_leave_the_global_state_alone():
    before = torch.get_rng_state()
    mm.set_seed(3)
    state = torch.get_rng_state()
    first = Linear(default_filters=False).conv.weight
    assert torch.equal(torch.get_rng_state(), state)
    mm.set_seed(3)
    assert torch.equal(first, Linear(default_filters=False).conv.weight)
    torch.set_rng_state(before)


def test_gaussian_preserves_constants_and_moments():
    model = Gaussian(31, std=2.0)
    constant = torch.full((1, 1, 40, 33), 0.3)
    torch.testing.assert_close(model(constant), constant)
    spread = torch.arange(31.0) - 15
    assert (model.filt[0, 0].sum(0) * spread**2).sum().item() == pytest.approx(4, rel=1e-4)


def test_center_surround_filter():
    model = CenterSurround(31, on_center=[True, False], center_std=1.5, amplitude_ratio=2.0)
    difference = 2 * (Gaussian(31, 1.5).filt - Gaussian(31, 4.0).filt)
    torch.testing.assert_close(model.filt, torch.cat([difference, -difference]))
    assert model.on_center == (True, False)


@pytest.mark.parametrize("model", [Gaussian(7), CenterSurround(7)])
def test_one_filter_treats_every_channel_alike(model):
    x = image(2, 3, 12, 11)
    torch.testing.assert_close(model(x)[1, 2], model(x[1:, 2:])[0, 0])


def test_parameters_may_change_in_every_way():
    model, x = mm.remove_grad(Gaussian(9, 1.0)), image(1, 1, 16, 16)
    first = model(x)

    def expect(std: float, dtype: torch.dtype = torch.float32) -> None:
        reference = Gaussian(9, torch.tensor([std], dtype=dtype))
        torch.testing.assert_close(model(x.to(dtype)), reference(x.to(dtype)).detach())

    with torch.no_grad():
        model.std.fill_(2.0)
    expect(2.0)
    model.load_state_dict({"std": torch.tensor([3.0])})
    expect(3.0)
    expect_before = model(x)
    expect_double = model.double()(x.double())
    assert expect_double.dtype == torch.float64
    torch.testing.assert_close(expect_double.float(), expect_before)
    model.float()
    model.std = torch.nn.Parameter(torch.tensor([1.0]), requires_grad=False)
    torch.testing.assert_close(model(x), first)
    model.std.data = torch.tensor([2.5])
    expect(2.5)


def test_trained_parameters_get_gradients():
    model, x = Gaussian(9, 1.0).double(), image(1, 1, 16, 16).double()

    def response(std: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, {"std": std}, (x,))[..., ::5, ::5]

    assert torch.autograd.gradcheck(response, model.std)
    model(x).sum().backward()
    assert model.std.grad is not None


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_do_not_share_filters(copier):
    model, x = mm.remove_grad(Gaussian(9, 1.0)), image(1, 1, 16, 16)
    before = model(x)
    twin = copier(model)
    with torch.no_grad():
        twin.std.fill_(3.0)
    torch.testing.assert_close(twin(x), Gaussian(9, 3.0)(x).detach())
    assert torch.equal(model(x), before)


def test_conv2d_options():
    x = image(1, 1, 12, 12)
    model = Gaussian(5)
    torch.testing.assert_close(model(x, stride=2), model(x)[..., ::2, ::2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(0), "kernel_size is 0; expected one or two positive integers"),
        (lambda: Gaussian((3, 3, 3)), r"kernel_size is \(3, 3, 3\)"),
        (lambda: Gaussian(3, std=-1.0), "std is -1.0; expected standard deviations above zero"),
        (lambda: Gaussian(3, std=[1.0, 2.0], out_channels=3), "std has 2 values for 3 channels"),
        (lambda: Gaussian(3, out_channels=0), "out_channels is 0; expected a positive integer"),
        (lambda: Gaussian(3, pad_mode="zeros"), "pad_mode is 'zeros'; expected one of 'reflect'"),
        (lambda: Linear(-1), "kernel_size is -1"),
        (lambda: CenterSurround(3, amplitude_ratio=0.9), "amplitude_ratio is 0.9; expected at least 1"),
        (lambda: CenterSurround(3, center_std=0.0), "center_std is 0.0; expected"),
        (lambda: CenterSurround(3, on_center=[True, False], out_channels=3), "on_center has 2 values for 3 channels"),
        (lambda: CenterSurround(3, center_std=[1, 2], surround_std=[1, 2, 3]), "center_std has 2 values for 3"),
        (lambda: Gaussian(31)(torch.ones(1, 1, 10, 20)), "10 x 20 pixels is too small for a kernel of 31 x 31"),
        (lambda: Gaussian(3, std=[1, 2])(torch.ones(1, 3, 9, 9)), r"shape \(1, 3, 9, 9\) for a model of 2 filters"),
        (lambda: Linear()(torch.ones(1, 3, 9, 9)), "for a model of 2 filters.*Make it grey"),
        (lambda: Gaussian(3)(torch.ones(1, 1, 9, 9).double()), "image is torch.float64 on cpu, the filter is torch.fl"),
    ],
)
def test_errors(make, message):
    with pytest.raises(InputError, match=message):
        make()


def _anew(model, image):
    return copy.deepcopy(model)(image)


@pytest.mark.parametrize("pad_mode", ["reflect", "circular"])
def test_changes_that_pytorch_does_not_count_are_noticed(rng, pad_mode):
    image = torch.rand(1, 1, 20, 20, generator=rng)
    model = mm.remove_grad(Gaussian(9, pad_mode=pad_mode))
    seen = [model(image)]
    model.std.data.fill_(1.0)
    seen.append(model(image))
    stds = torch.tensor([1.5, 2.0])
    for part in (stds[:1], stds[1:]):
        model.std.data = part
        seen.append(model(image))
        assert torch.equal(seen[-1], _anew(model, image))
    assert all(not torch.allclose(a, b) for a, b in itertools.pairwise(seen))


def test_settings_may_change(rng):
    image = torch.rand(1, 1, 20, 20, generator=rng)
    model = mm.remove_grad(CenterSurround(9))
    before = model(image)
    model.on_center = (False,)
    assert torch.allclose(model(image), -before)
    model.kernel_size = (5, 5)
    assert torch.equal(model(image), _anew(model, image))
    assert model.filt.shape == (1, 1, 5, 5)


class Exponential(torch.nn.Module):
    def forward(self, x):
        return x.exp()

    def right_inverse(self, x):
        return x.log()


@pytest.mark.parametrize("model, name", [(Gaussian(9), "std"), (CenterSurround(9), "surround_std")])
def test_parametrised_filters_learn(rng, model, name):
    torch.nn.utils.parametrize.register_parametrization(model, name, Exponential())
    image = torch.rand(1, 1, 20, 20, generator=rng)
    original = model.parametrizations[name].original
    before = model(image)
    assert torch.autograd.grad(before.square().sum(), original)[0].abs().min() > 0
    with torch.no_grad():
        original.sub_(1)
    assert not torch.allclose(model(image), before)


def test_filters_given_out_are_the_callers(rng):
    image = torch.rand(1, 1, 20, 20, generator=rng)
    for pad_mode in ("reflect", "circular"):
        model = mm.remove_grad(Gaussian(9, pad_mode=pad_mode))
        before = model(image)
        model.filt.zero_()
        assert torch.equal(model(image), before)


def test_a_bias_given_to_the_linear_model_is_added(rng):
    model, image = Linear(), torch.rand(1, 1, 16, 16, generator=rng)
    before = model(image)
    model.conv.bias = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    assert torch.allclose(model(image), before + torch.tensor([1.0, -2.0])[:, None, None])
