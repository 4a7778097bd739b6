"""Frozen layers as linear maps: the same values and derivatives as PyTorch's own, and who is left alone."""

import pytest
import torch
from torch import nn

from metameric._core.layers import ConstantLayers
from metameric._objective._jacobian import Jacobian

D = torch.float64
SHAPES = {1: (11,), 2: (9, 8), 3: (7, 6, 7)}


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=D, generator=torch.Generator().manual_seed(seed))


def randomised(module):
    module = module.to(D).eval()
    for i, tensor in enumerate([*module.parameters(), *module.buffers()]):
        if tensor.is_floating_point():
            tensor.data = noise(*tensor.shape, seed=i).abs() + 0.1
    return module.requires_grad_(False)


def network(n, **options):
    convolution, normalisation = getattr(nn, f"Conv{n}d"), getattr(nn, f"BatchNorm{n}d")
    return randomised(
        nn.Sequential(convolution(4, 6, 3, **options), normalisation(6), nn.Softplus(), convolution(6, 2, 2))
    )


def nodes(output):
    """Names of all steps of a graph."""
    seen, todo = set(), [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [after for after, _ in node.next_functions]
    return {type(node).__name__ for node in seen}


@pytest.mark.parametrize("n", SHAPES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"groups": 2, "dilation": 2},
        {"padding": "same"},
        {"padding": 1, "padding_mode": "circular", "bias": False},
    ],
    ids=["plain", "strided", "grouped", "same", "circular"],
)
def test_products_equal_the_dense_jacobian_of_the_network(n, options):
    model, x = network(n, **options), noise(2, 4, *SHAPES[n])
    jacobian = Jacobian(model, x)
    assert jacobian.mode == "reverse"
    torch.testing.assert_close(jacobian.response, model(x).flatten(1))
    v, u = noise(*x.shape, seed=1), noise(*jacobian.response.shape, seed=2)
    for i in range(2):
        matrix = torch.autograd.functional.jacobian(lambda y: model(y[None]).flatten(), x[i]).flatten(1)
        torch.testing.assert_close(jacobian.jvp(v)[i], matrix @ v[i].flatten())
        torch.testing.assert_close(jacobian.vjp(u)[i].flatten(), matrix.T @ u[i])


def test_no_layer_is_left_to_the_slow_derivatives():
    x = noise(1, 4, 9, 8).requires_grad_()
    with ConstantLayers():
        names = nodes(network(2)(x))
    assert not any("Convolution" in name or "BatchNorm" in name for name in names)
    assert any("LinearMap" in name for name in names)


def test_normalisation_without_scale_and_shift():
    model, x = randomised(nn.BatchNorm2d(4, affine=False)), noise(2, 4, 3, 3).requires_grad_()
    with ConstantLayers():
        y = model(x)
    torch.testing.assert_close(y, model(x))
    assert not any("BatchNorm" in name for name in nodes(y))


def test_layers_that_learn_keep_their_own_derivatives():
    x = noise(2, 4, 9, 8).requires_grad_()
    learning = network(2).requires_grad_()
    with ConstantLayers():
        names = nodes(learning(x))
    assert any("Convolution" in name for name in names) and any("BatchNorm" in name for name in names)
    # In training, normalisation depends on the batch.
    training, same = nn.BatchNorm2d(4).to(D).train(), nn.BatchNorm2d(4).to(D).train()
    with ConstantLayers():
        y = training.requires_grad_(False)(x)
    assert torch.equal(y, same(x)) and torch.equal(training.running_mean, same.running_mean)
    assert any("BatchNorm" in name for name in nodes(y))


def test_where_nothing_is_differentiated_nothing_changes():
    model, x = network(2), noise(2, 4, 9, 8)
    expected = model(x)
    with ConstantLayers(), torch.no_grad():
        assert torch.equal(model(x.clone().requires_grad_()), expected)
    with ConstantLayers():
        assert torch.equal(model(x), expected)


def test_function_transforms_inside_a_model_go_their_own_way():
    model, x = network(2), noise(3, 2, 4, 9, 8)
    expected = torch.stack([model(one) for one in x])
    with ConstantLayers():
        mapped = torch.func.vmap(model)(x.requires_grad_())
    torch.testing.assert_close(mapped, expected)
    one = x[0].detach()
    with ConstantLayers():
        product = torch.func.jvp(model, (one,), (one,))[1]
    torch.testing.assert_close(product, torch.func.jvp(model, (one,), (one,))[1])


@pytest.mark.parametrize("prepare", [torch.fx.symbolic_trace, lambda model: torch.compile(model, backend="eager")])
def test_traced_and_compiled_models_are_treated_as_they_were(prepare):
    model, x = network(2), noise(2, 4, 9, 8)
    jacobian, plain = Jacobian(prepare(model), x), Jacobian(model, x)
    assert jacobian.mode == "reverse"
    torch.testing.assert_close(jacobian.jvp(x), plain.jvp(x))


def test_stimuli_without_a_batch_and_complex_ones_go_their_own_way():
    model = randomised(nn.Conv2d(4, 2, 3))
    x = noise(4, 9, 8).requires_grad_()
    with ConstantLayers():
        torch.testing.assert_close(model(x), model(x))
        z = torch.complex(x, x)[None]
        torch.testing.assert_close(
            torch.nn.functional.conv2d(z, model.weight.to(z.dtype)).real,
            torch.nn.functional.conv2d(x[None], model.weight),
        )
