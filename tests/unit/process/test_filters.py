"""Kernels: sums, symmetry, dtype, published values."""

import math

import pytest
import torch

from metameric.process import circular_gaussian2d
from metameric.process._filters import named_filter


@pytest.mark.parametrize("size", [1, 4, (5, 8), 31])
def test_gaussian_sums_to_one_and_is_symmetric(size, dtype):
    kernel = circular_gaussian2d(size, torch.tensor([0.5, 3.0], dtype=dtype))
    assert kernel.dtype == dtype and kernel.shape[:2] == (2, 1)
    torch.testing.assert_close(kernel.sum((-2, -1)), torch.ones(2, 1, dtype=dtype))
    torch.testing.assert_close(kernel, kernel.flip(-2, -1))


def test_gaussian_falls_off_as_it_should():
    kernel = circular_gaussian2d(7, torch.tensor(1.5, dtype=torch.float64))[0, 0]
    assert (kernel[3, 5] / kernel[3, 3]).item() == pytest.approx(math.exp(-(2**2) / (2 * 1.5**2)), rel=1e-12)


def test_gaussian_far_narrower_than_a_pixel_is_a_point():
    assert circular_gaussian2d(5, 1e-3)[0, 0, 2, 2] == 1


def test_gaussian_is_differentiable_in_its_width():
    std = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: circular_gaussian2d((5, 4), s), (std,))


def test_one_number_for_several_channels():
    kernel = circular_gaussian2d(5, 2, out_channels=3)
    assert kernel.shape == (3, 1, 5, 5) and torch.equal(kernel[0], kernel[2])


def test_as_many_channels_as_widths():
    assert torch.equal(circular_gaussian2d(5, [1.0, 2.0], out_channels=2), circular_gaussian2d(5, [1.0, 2.0]))
    assert torch.equal(circular_gaussian2d(5, 2.0, out_channels=1), circular_gaussian2d(5, 2.0))
    assert circular_gaussian2d(5, torch.tensor([[1.0], [2.0]]), out_channels=2).shape == (2, 1, 5, 5)


def test_named_filters():
    assert named_filter("binom1") == (1.0,)
    assert named_filter("binom5") == (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
    assert named_filter("haar") == named_filter("binom2") == (0.5, 0.5)
    root = math.sqrt(3)
    expected = [(1 + root) / 8, (3 + root) / 8, (3 - root) / 8, (1 - root) / 8]
    assert named_filter("daub2") == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_daubechies_filters_are_orthogonal_to_their_even_shifts(order):
    taps = torch.tensor(named_filter(f"daub{order}"), dtype=torch.float64) * math.sqrt(2)
    for shift in range(order):
        product = (taps[2 * shift :] * taps[: len(taps) - 2 * shift]).sum().item()
        assert product == pytest.approx(float(shift == 0), abs=1e-12)


@pytest.mark.parametrize("name", ["qmf5", "qmf8", "qmf9", "qmf12", "qmf13", "qmf16"])
def test_mirror_filters_are_symmetric_and_keep_the_mean_nearly(name):
    taps = named_filter(name)
    assert len(taps) == int(name[3:]) and taps == taps[::-1]
    assert sum(taps) == pytest.approx(1, abs=5e-3)
