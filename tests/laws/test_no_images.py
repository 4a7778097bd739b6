"""Batches without entries give results without entries, of the shapes that others have, and gradients."""

import pytest
import torch
from tests.parts import FUNCTIONS, MODELS, SIZE, tensors

import metameric as mm
from metameric import process

# One number for all that is given: means and ranges of nothing are not defined.
OF_ALL = {"rescale", "l2_norm", "loss.mse", "relative_sse", "penalize_range"}


def check(compute, size):
    none = torch.rand(0, 1, *size, requires_grad=True)
    given, of_two = tensors(compute(none)), tensors(compute(torch.rand(2, 1, *size)))
    assert [value.shape for value in given] == [value[:0].shape for value in of_two]
    assert [value.dtype for value in given] == [value.dtype for value in of_two]
    (gradient,) = torch.autograd.grad(given, none, [torch.ones_like(value) for value in given])
    assert gradient.shape == none.shape


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - OF_ALL))
def test_functions(name):
    check(FUNCTIONS[name], SIZE)


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    check(mm.remove_grad(MODELS[name]()), (64, 64))


@pytest.mark.parametrize("lead", [(0,), (2, 0), (0, 3, 1), ()])
def test_any_leading_dimensions(lead):
    image = torch.rand(*lead, 24, 24)
    for compute in (process.autocorrelation, lambda x: process.expand(x, 2), process.SteerablePyramidFreq((24, 24))):
        (first, *_) = tensors(compute(image)) if lead else [image]
        assert first.shape[: len(lead)] == lead
    pyramid = process.SteerablePyramidFreq((24, 24))
    assert pyramid.recon_pyr(pyramid(image)).shape == image.shape
