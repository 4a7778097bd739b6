"""Inside `torch.compile` filters, metrics and models run as they are, and the network around them is compiled."""

import pytest
import torch

import metameric as mm
from parts import FUNCTIONS, MODELS, SIZE, draw, tensors

# The compiler's own: where it takes up what an uncompiled function gave, and of the checks of types in tests.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
    pytest.mark.filterwarnings("ignore:Dynamo:UserWarning"),
]


def compiled(function, graphs):
    def keep(graph, _):
        graphs.append(graph)
        return graph

    torch.compiler.reset()
    return torch.compile(function, backend=keep)


def same(function, image, graphs):
    """Hold values and gradients of a function, compiled with something after it, to those of the function alone."""
    found = []
    for run in (after(function), compiled(after(function), graphs)):
        leaf = image.clone().requires_grad_()
        parts = run(leaf)
        (gradient,) = torch.autograd.grad(sum((p.square().sum() for p in parts), leaf.new_zeros(())), leaf)
        found.append([*(part.detach() for part in parts), gradient])
    for alone, together in zip(*found, strict=True):
        torch.testing.assert_close(together, alone)


def after(function):
    return lambda x: [torch.tanh(part) for part in tensors(function(x))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    same(FUNCTIONS[name], draw(1, 1, *SIZE), [])


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    graphs = []
    same(mm.remove_grad(MODELS[name]()).double().eval(), draw(1, 1, 64, 64), graphs)
    assert any("tanh" in graph.code for graph in graphs)
