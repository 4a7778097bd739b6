"""Same-size filtering: values against a direct sum, every kind of derivative, the kept spectra."""

import gc

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from metameric._core.errors import InputError
from metameric.process import _convolution
from metameric.process._convolution import convolve

# torch's own forward-mode rules still call torch.jit.script when they are first used.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

SCIPY_MODES = {"reflect": "mirror", "replicate": "nearest", "circular": "wrap", "constant": "constant"}


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("method", ["spatial", "fourier"])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3), (7, 5), (1, 9)])
def test_equals_scipy(method, pad_mode, kernel_size):
    image, kernel = rand(2, 3, 17, 13), rand(*kernel_size)
    expected = [[correlate(c.numpy(), kernel.numpy(), mode=SCIPY_MODES[pad_mode]) for c in im] for im in image]
    found = convolve(image, kernel, pad_mode, method=method)
    np.testing.assert_allclose(found, np.array(expected), atol=1e-12)


@pytest.mark.parametrize("method", ["spatial", "fourier"])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
def test_even_kernels_pad_one_more_after(method, pad_mode):
    image, kernel = rand(1, 1, 8, 8), torch.zeros(4, 2, dtype=torch.float64)
    kernel[1, 0] = 1
    torch.testing.assert_close(convolve(image, kernel, pad_mode, method=method), image, rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", ["spatial", "fourier"])
def test_banks(method):
    gray, colour, bank = rand(2, 1, 12, 11), rand(2, 3, 12, 11), rand(3, 5, 5)
    one_each = torch.stack([convolve(gray[:, 0], k, method=method) for k in bank], 1)
    torch.testing.assert_close(convolve(gray, bank, method=method), one_each)
    torch.testing.assert_close(convolve(gray, bank[:, None], method=method), one_each)
    per_channel = torch.stack([convolve(colour[:, i], bank[i], method=method) for i in range(3)], 1)
    torch.testing.assert_close(convolve(colour, bank, method=method), per_channel)


def test_circular_kernel_larger_than_the_image():
    image, kernel = rand(1, 1, 5, 6), rand(9, 9)
    torch.testing.assert_close(
        convolve(image, kernel, "circular"), convolve(image, kernel, "circular", method="spatial")
    )


@pytest.mark.parametrize("method", ["spatial", "fourier"])
def test_lead_dimensions_are_independent(method):
    images, kernel = rand(2, 3, 4, 9, 8), rand(5, 5)
    whole = convolve(images, kernel, method=method)
    torch.testing.assert_close(whole[1, 2, 3], convolve(images[1, 2, 3], kernel, method=method))
    torch.testing.assert_close(whole[1, 2], convolve(images[1, 2], kernel, method=method))


@pytest.mark.parametrize("method", ["spatial", "fourier"])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
@pytest.mark.parametrize("channels", [1, 2])
def test_gradients(method, pad_mode, channels):
    image = rand(1, channels, 7, 6).requires_grad_()
    bank = rand(2, 4, 3)

    def function(x: torch.Tensor) -> torch.Tensor:
        return convolve(x, bank, pad_mode, method=method).square()

    assert torch.autograd.gradcheck(function, image, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(function, image)


@pytest.mark.parametrize("method", ["spatial", "fourier"])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
def test_gradient_with_respect_to_the_kernel(method, pad_mode):
    image, kernel = rand(1, 1, 6, 7).requires_grad_(), rand(2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, k: convolve(x, k, pad_mode, method=method), (image, kernel))


@pytest.mark.parametrize("method", ["spatial", "fourier"])
def test_function_transforms(method):
    images, kernel = rand(3, 1, 9, 8), rand(2, 5, 5)
    expected = convolve(images, kernel, method=method)
    mapped = torch.func.vmap(lambda x: convolve(x, kernel, method=method))(images)
    torch.testing.assert_close(mapped, expected)
    out, tangent = torch.func.jvp(lambda x: convolve(x, kernel, method=method), (images,), (images,))
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(tangent, expected)
    per_kernel = torch.func.vmap(lambda k: convolve(images, k, method=method)[:, 0], out_dims=1)(kernel)
    torch.testing.assert_close(per_kernel, expected)
    wrt_kernel = torch.func.jvp(lambda k: convolve(images, k, method=method), (kernel,), (kernel,))[1]
    torch.testing.assert_close(wrt_kernel, expected)


@pytest.mark.parametrize("n", [3, 15])
def test_direct_sums_are_exact_where_nothing_is(n):
    """Fourier transforms leave rounding errors there."""
    image, kernel = torch.zeros(1, 1, 48, 48, dtype=torch.float64), rand(n, n)
    image[..., 20:24, 20:24] = rand(4, 4)
    spatial, fourier = (convolve(image, kernel, method=method) for method in ("spatial", "fourier"))
    assert (spatial[..., :12, :] == 0).all() and not (fourier[..., :12, :] == 0).all()
    torch.testing.assert_close(spatial, fourier)


def test_changed_kernel_is_noticed():
    image, kernel = rand(1, 1, 16, 16), rand(7, 7)
    before = convolve(image, kernel)
    kernel.mul_(2)
    torch.testing.assert_close(convolve(image, kernel), 2 * before)


def test_views_of_one_bank_are_told_apart():
    image, bank = rand(1, 1, 16, 16), rand(2, 7, 7)
    for i in (0, 1, 0):
        torch.testing.assert_close(convolve(image, bank[i]), convolve(image, bank[i].clone(), method="spatial"))


def test_spectrum_is_kept_while_the_kernel_lives():
    image, kernel = rand(1, 1, 16, 16), rand(7, 7)
    gc.collect()
    n_before = len(_convolution._spectra)
    convolve(image, kernel)
    convolve(image, kernel)
    assert len(_convolution._spectra) == n_before + 1
    assert len(_convolution._spectra[kernel][1]) == 1
    del kernel
    gc.collect()
    assert len(_convolution._spectra) == n_before


def test_inference_mode():
    with torch.inference_mode():
        image, kernel = rand(1, 1, 16, 16), rand(7, 7)
        found = convolve(image, kernel)
    assert torch.equal(found, convolve(image.clone(), kernel.clone()))


@pytest.mark.parametrize("n", [3, 7])
def test_dtype_is_kept(dtype, n):
    assert convolve(rand(1, 1, 9, 9).to(dtype), rand(n, n).to(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("image", "kernel", "options", "message"),
    [
        ((1, 1, 4, 9), (11, 3), {}, "4 x 9 pixels is too small for a kernel of 11 x 3 with 'reflect'.*at least 6 x 2"),
        ((1, 1, 4, 9), (11, 3), {"pad_mode": "circular"}, "too small.*at least 5 x 1"),
        ((1, 1, 9, 9), (3, 3), {"pad_mode": "zeros"}, "pad_mode is 'zeros'; expected one of 'reflect'"),
        ((1, 1, 9, 9), (3, 3), {"method": "fft"}, "method is 'fft'; expected 'auto'"),
        ((1, 3, 9, 9), (2, 3, 3), {}, "do not match; expected a kernel"),
        ((1, 3, 9, 9), (3, 1, 3, 3), {}, "do not match"),
        ((1, 1, 9, 9), (2, 2, 3, 3), {}, "do not match"),
        ((9, 9), (2, 3, 3), {}, "do not match"),
    ],
)
def test_errors(image, kernel, options, message):
    with pytest.raises(InputError, match=message):
        convolve(rand(*image), rand(*kernel), **options)


def test_dtype_mismatch_is_an_error():
    with pytest.raises(InputError, match=r"image is torch.float32 on cpu, the filter is torch.float64 on cpu; move"):
        convolve(rand(1, 1, 9, 9).float(), rand(3, 3))
