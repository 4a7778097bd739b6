"""Naive and front-end models against plenoptic's: parameters, outputs, gradients."""

import warnings

import pytest
import torch

import metameric as mm

pytest.importorskip("plenoptic", reason="plenoptic IS MISSING: parity with it is NOT tested")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import plenoptic as po

pytestmark = pytest.mark.filterwarnings("ignore:pretrained is True but cache_filt is False:UserWarning")

FRONT_ENDS = ["LinearNonlinear", "LuminanceGainControl", "LuminanceContrastGainControl", "OnOff"]
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
CASES = [(name, {"kernel_size": (31, 31), "pretrained": True}) for name in FRONT_ENDS] + [
    ("LinearNonlinear", {"kernel_size": 9, "on_center": False, "amplitude_ratio": 2.0, "pad_mode": "circular"}),
    ("LuminanceContrastGainControl", {"kernel_size": (7, 10), "activation": torch.tanh, "pad_mode": "constant"}),
    ("OnOff", {"kernel_size": 12, "pad_mode": "replicate"}),
    ("Gaussian", {"kernel_size": 31}),
    ("Gaussian", {"kernel_size": (3, 8), "std": [1.0, 2.5], "out_channels": 2, "pad_mode": "circular"}),
    ("CenterSurround", {"kernel_size": 11, "on_center": [True, False], "center_std": 0.7}),
    ("Linear", {"kernel_size": (5, 3), "default_filters": False}),
    ("Identity", {}),
]


def pair(name: str, options: dict, dtype: torch.dtype) -> tuple[torch.nn.Module, torch.nn.Module]:
    peer = getattr(po.models, name)(**options).to(dtype)
    ours = getattr(mm.models, name)(**options).to(dtype)
    ours.load_state_dict(peer.state_dict())
    return mm.remove_grad(ours), mm.remove_grad(peer)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_output_and_gradient(name, options, dtype, rng):
    # The peer computes in float64: in float32 its own spatial sums are off by more than 1e-6.
    ours, peer = pair(name, options, dtype)
    x = torch.rand(2, 1, 48, 41, dtype=dtype, generator=rng, requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    expected, found = peer.double()(x64), ours(x)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=TOLERANCE[dtype])
    weight = torch.rand(expected.shape, dtype=dtype, generator=rng)
    gradient = torch.autograd.grad(found, x, weight)[0].double()
    expected_gradient = torch.autograd.grad(expected, x64, weight.double())[0]
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=5 * TOLERANCE[dtype])


def test_mask_of_on_off():
    # The peer's mask is of single precision whatever the model's is.
    ours, peer = pair("OnOff", {"kernel_size": 12, "apply_mask": True}, torch.float64)
    x = torch.rand(2, 1, 48, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), peer(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_output_on_a_photograph_with_flat_regions(name, dtype):
    ours, peer = pair(name, {"kernel_size": (31, 31), "pretrained": True}, dtype)
    x = mm.data.image("shepp_logan_phantom", size=128).to(dtype)
    torch.testing.assert_close(ours(x), peer(x), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_published_parameters(name):
    options = {"kernel_size": (31, 31), "pretrained": True}
    ours, peer = (getattr(package.models, name)(**options).state_dict() for package in (mm, po))
    assert list(ours) == list(peer)
    for key in ours:
        assert torch.equal(ours[key], peer[key]), key


def test_low_pass_of_linear():
    for size in (3, 5, (7, 9)):
        torch.testing.assert_close(mm.models.Linear(size).conv.weight[0], po.models.Linear(size).conv.weight[0])
