"""The window of SSIM: both ways of taking its means, and its adjoint."""

import pytest
import torch
from torch import Tensor

from metameric.process import _ssim_window
from metameric.process._banded import Profile, banded_products, strip
from metameric.process._ssim_window import WINDOW_SIZE, Window


def by_definition(x: Tensor) -> Tensor:
    """Mean in every window that lies inside, with the Gaussian of 1.5 pixels written out."""
    place = torch.arange(WINDOW_SIZE, dtype=x.dtype) - 5
    taps = torch.exp(-(place**2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    return torch.einsum("...ijkl,k,l->...ij", x.unfold(-2, WINDOW_SIZE, 1).unfold(-2, WINDOW_SIZE, 1), taps, taps)


SHAPES = [(96, 96), (2, 3, 97, 110), (1, 111, 96), (105, 300), (2, 40, 50), (2, 3, 20, 31), (64, 11), (11, 200)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_means_are_those_of_the_definition_however_large_the_planes(shape, dtype, rng):
    x = torch.randn(shape, generator=rng, dtype=dtype)
    (found,) = Window(WINDOW_SIZE).plain_means(x)
    torch.testing.assert_close(found, by_definition(x))


def test_without_padding_as_many_rows_as_whole_blocks_hold(rng):
    """26 samples and 11 taps give 16 results."""
    x = torch.rand(26, 26, generator=rng, dtype=torch.float64)
    taps = torch.rand(11, generator=rng, dtype=torch.float64)
    banded = strip(26, Profile(tuple(taps.tolist()), 5), None, False, torch.float64)
    wanted = torch.nn.functional.conv2d(x[None, None], (taps[:, None] * taps)[None, None])[0, 0]
    torch.testing.assert_close(banded_products(banded, banded, x)[0], wanted)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_pulled_back_by_the_adjoint(shape, rng):
    x = torch.randn(shape, generator=rng, dtype=torch.float64)
    y = torch.randn(*shape[:-2], *(n - WINDOW_SIZE + 1 for n in shape[-2:]), generator=rng, dtype=torch.float64)
    (means,), (back,) = Window(WINDOW_SIZE).plain_means(x), Window(WINDOW_SIZE).pull_back(y)
    assert back.shape == x.shape
    torch.testing.assert_close((means * y).sum(), (x * back).sum())


def test_large_planes_are_filtered_by_products_with_banded_matrices(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("products")

    monkeypatch.setattr(_ssim_window, "banded_products", refuse)
    Window(WINDOW_SIZE).plain_means(torch.zeros(95, 200))
    with pytest.raises(AssertionError, match="products"):
        Window(WINDOW_SIZE).plain_means(torch.zeros(96, 200))


def test_means_of_large_planes_can_be_differentiated_twice_and_mapped(rng):
    x = torch.randn(1, 96, 96, generator=rng, dtype=torch.float64, requires_grad=True)
    window = Window(WINDOW_SIZE)
    (slope,) = torch.autograd.grad(window.means(x)[0].pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.square().sum(), x)
    reference = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(by_definition(reference).pow(3).sum(), reference, create_graph=True)
    (expected,) = torch.autograd.grad(slope.square().sum(), reference)
    torch.testing.assert_close(second, expected)
    mapped = torch.func.vmap(lambda image: window.means(image)[0])(x.detach().expand(2, 1, 96, 96))
    torch.testing.assert_close(mapped[1], by_definition(x.detach()))
