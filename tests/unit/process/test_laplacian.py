"""The Laplacian pyramid as one linear map, its normalised form, the quotient: every kind of derivative."""

import pytest
import torch

import metameric as mm
from metameric.process import _blur, _laplacian
from metameric.process._quotient import quotient

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(params=["dense", "banded", "shifted"])
def way(request, monkeypatch):
    monkeypatch.setattr(_blur, "_is_small", lambda *_: request.param == "dense")
    monkeypatch.setattr(_blur, "is_filtered_by_strips", lambda _: request.param == "banded")
    _laplacian._steps.cache_clear()
    yield request.param
    _laplacian._steps.cache_clear()


@pytest.mark.parametrize("scale_filter", [True, False])
def test_bands_are_differences_of_blurs(way, scale_filter):
    image = rand(2, 1, 21, 18)
    *bands, low = mm.process.LaplacianPyramid(3, scale_filter)(image)
    for band in bands:
        half = mm.process.blur_downsample(image, scale_filter=scale_filter)
        odd = image.shape[-2] % 2, image.shape[-1] % 2
        torch.testing.assert_close(band, image - mm.process.upsample_blur(half, odd, scale_filter=scale_filter))
        image = half
    torch.testing.assert_close(low, image)


def test_one_scale_is_the_image_itself():
    assert mm.process.LaplacianPyramid().n_scales == 5 and not mm.process.LaplacianPyramid().scale_filter
    (only,) = mm.process.LaplacianPyramid(1)(rand(1, 1, 5, 4))
    torch.testing.assert_close(only, rand(1, 1, 5, 4))
    assert mm.process.LaplacianPyramid(1)(torch.ones(1, 1, 1, 1))[0].item() == 1


@pytest.mark.parametrize("size", [(9, 12), (11, 9)])
def test_derivatives_of_the_pyramid(way, size):
    image, pyramid = rand(1, 1, *size).requires_grad_(), mm.process.LaplacianPyramid(3)
    assert torch.autograd.gradcheck(pyramid, image, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(pyramid, image)
    mapped = torch.func.vmap(pyramid)(image[0])
    for band, wanted in zip(mapped, pyramid(image), strict=True):
        torch.testing.assert_close(band, wanted[0])


def test_gradient_of_one_band_alone():
    image, pyramid = rand(1, 1, 16, 16).requires_grad_(), mm.process.LaplacianPyramid(3)
    (alone,) = torch.autograd.grad(pyramid(image)[1].square().sum(), image)
    _, jacobian_product = torch.func.vjp(lambda x: pyramid(x)[1], image.detach())
    torch.testing.assert_close(alone, jacobian_product(2 * pyramid(image)[1].detach())[0])


@pytest.mark.parametrize("size", [(40, 35), (70, 66)])
def test_derivatives_of_the_normalised_pyramid(size):
    image = rand(1, 1, *size).requires_grad_()
    assert torch.autograd.gradcheck(mm.process.normalized_laplacian_pyramid, image, fast_mode=True)


def test_derivatives_of_a_quotient():
    a, b = (rand(3, 4) - 0.5).requires_grad_(), (rand(4, 3).mT.contiguous() + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(quotient, (a, b), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(quotient, (a, b))
    torch.testing.assert_close(torch.func.vmap(quotient)(a, b), a / b)
