import functools

import pytest
import torch

import metameric as mm
from metameric.regularize._range import bounds_of


def test_values_and_parity():
    x = torch.tensor([[[[2.0, -1.5, 0.5]]], [[[0.0, 1.0, 0.5]]]])
    assert mm.regularize.penalize_range(x) == 3.25
    assert mm.regularize.penalize_range.each(x).tolist() == [3.25, 0]
    assert mm.regularize.penalize_range(x, allowed_range=(-2, 2)) == 0
    po = pytest.importorskip("plenoptic")
    noise = torch.randn(2, 1, 8, 8)
    assert torch.allclose(mm.regularize.penalize_range(noise), po.regularize.penalize_range(noise))


def test_bounds_are_read_from_the_penalty():
    wide = functools.partial(mm.regularize.penalize_range, allowed_range=(-1, 2))
    assert bounds_of(mm.regularize.penalize_range) == (0.0, 1.0)
    assert bounds_of(wide) == (-1.0, 2.0)
    assert bounds_of(lambda x: x.sum()) is None


def test_gradient_points_back_into_the_range():
    x = torch.tensor([[2.0, -1.0, 0.5]], requires_grad=True)
    mm.regularize.penalize_range(x).backward()
    assert x.grad.tolist() == [[2.0, -2.0, 0.0]]
