"""Inside `torch.autocast` filters, metrics, models and solvers compute in the precision of their images."""

import pytest
import torch

import metameric as mm
from metameric._core.verbatim import lowered
from parts import FUNCTIONS, MODELS, SIZE, draw, tensors

LOW = {"device_type": "cpu", "dtype": torch.bfloat16}


def values_and_gradient(function, image, inside):
    leaf = image.clone().requires_grad_()
    with torch.autocast(**LOW, enabled=inside):
        parts = tensors(function(leaf))
        (gradient,) = torch.autograd.grad(sum((p.square().sum() for p in parts), leaf.new_zeros(())), leaf)
        assert lowered() == (["cpu"] if inside else [])
    return [*(part.detach() for part in parts), gradient]


def same(function, image):
    for outside, inside in zip(*(values_and_gradient(function, image, i) for i in (False, True)), strict=True):
        torch.testing.assert_close(inside, outside, rtol=1e-5, atol=1e-6 * max(1.0, float(outside.abs().max())))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    same(FUNCTIONS[name], draw(1, 1, *SIZE, dtype=torch.float32))


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    same(mm.remove_grad(MODELS[name]()).eval(), draw(1, 1, 64, 64, dtype=torch.float32))


def test_a_network_is_called_as_it_is():
    network = mm.remove_grad(torch.nn.Conv2d(1, 2, 3)).eval()
    seen = []
    network.register_forward_hook(lambda module, given, found: seen.append(found.dtype))
    image = draw(1, 1, 16, 16, dtype=torch.float32)
    metamer = mm.Metamer(image, network)
    with torch.autocast(**LOW):
        metamer.synthesize(3, progress=False)
    assert seen[-1] == torch.bfloat16
    assert metamer.metamer.dtype == torch.float32


def test_the_solver_finds_as_many_steps_enough():
    image = draw(1, 1, 24, 24, dtype=torch.float32)
    model = mm.remove_grad(mm.models.OnOff(9)).eval()
    steps = []
    for inside in (False, True):
        mm.set_seed(0)
        metamer = mm.Metamer(image, model)
        with torch.autocast(**LOW, enabled=inside):
            metamer.synthesize(30, progress=False)
        steps.append(metamer.losses)
    torch.testing.assert_close(*steps, rtol=1e-2, atol=1e-6)
