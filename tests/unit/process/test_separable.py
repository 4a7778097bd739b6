"""Filtering by banded matrices: values against convolution, every kind of derivative, when it is chosen."""

from collections import OrderedDict

import pytest
import torch

from metameric._core.errors import InputError
from metameric.process._convolution import convolve
from metameric.process._separable import KEPT_SIZES, SeparableBank, Terms

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

MODES = ["reflect", "replicate", "constant"]


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def terms(n: int, height: int, width: int) -> Terms:
    """Kernels of two terms each, of which the last kernel shares one with the first and lacks the other."""
    made = Terms(rand(n, 2) - 0.3, rand(n, 2, height), rand(n, 2, width + 1)[..., 1:])
    if n > 1:
        made.down[-1], made.along[-1] = made.down[0], made.along[0]
        made.weights[-1, 1] = 0
    return made


def expected(image: torch.Tensor, made: Terms, mode: str) -> torch.Tensor:
    return convolve(image, made.kernels()[:, 0], mode, method="spatial")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 7), (12, 5), (31, 31)])
@pytest.mark.parametrize("size", [(16, 17), (40, 33), (64, 96), (131, 90)])
def test_equals_convolution(mode, kernel_size, size):
    made, image = terms(3, *kernel_size), rand(2, 1, *size).requires_grad_()
    found, wanted = SeparableBank(made, torch.float64)(image, mode), expected(image, made, mode)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    weight = rand(*wanted.shape)
    gradient, wanted_gradient = (torch.autograd.grad(y, image, weight)[0] for y in (found, wanted))
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-12, atol=1e-12)


def test_axes_of_one_pixel():
    made, image = terms(2, 1, 3), rand(1, 1, 1, 9)
    torch.testing.assert_close(SeparableBank(made, torch.float64)(image, "reflect"), expected(image, made, "reflect"))


def test_what_lies_in_new_memory_does_not_matter():
    made, image = terms(3, 5, 7), rand(2, 1, 40, 41)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # which fills new memory with NaN
    try:
        found = SeparableBank(made, torch.float64)(image, "reflect")
    finally:
        torch.use_deterministic_algorithms(before)
    torch.testing.assert_close(found, expected(image, made, "reflect"))


def test_channels():
    made, image = terms(3, 5, 7), rand(2, 3, 40, 41)
    torch.testing.assert_close(SeparableBank(made, torch.float64)(image, "reflect"), expected(image, made, "reflect"))
    first = Terms(*(t[:1] for t in made))
    single = convolve(image, first.kernels()[0, 0], method="spatial")
    torch.testing.assert_close(SeparableBank(first, torch.float64)(image, "reflect"), single)


def test_groups():
    made, image = terms(3, 5, 7), rand(2, 1, 40, 41).requires_grad_()
    bank = SeparableBank(made, torch.float64)
    first, second = bank.split(image, "reflect", (1, 2))
    torch.testing.assert_close(torch.cat([first, second], 1), bank(image, "reflect"))
    (of_second,) = torch.autograd.grad(second.sum(), image)
    torch.testing.assert_close(of_second, torch.autograd.grad(bank(image, "reflect")[:, 1:].sum(), image)[0])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_derivatives(mode, channels):
    bank, image = SeparableBank(terms(2, 4, 3), torch.float64), rand(1, channels, 6, 5).requires_grad_()

    def function(x: torch.Tensor) -> torch.Tensor:
        return bank(x, mode).square()

    assert torch.autograd.gradcheck(function, image, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(function, image)


def test_derivatives_where_the_band_is_cut():
    bank, image = SeparableBank(terms(2, 5, 3), torch.float64), rand(1, 1, 35, 37).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: bank(x, "reflect").square(), image, fast_mode=True)


def test_function_transforms():
    made, images = terms(2, 5, 5), rand(3, 1, 40, 39)
    bank, wanted = SeparableBank(made, torch.float64), expected(images, made, "reflect")
    torch.testing.assert_close(torch.func.vmap(lambda x: bank(x, "reflect"))(images), wanted)
    out, tangent = torch.func.jvp(lambda x: torch.cat(bank.split(x, "reflect", (1, 1)), 1), (images,), (2 * images,))
    torch.testing.assert_close(out, wanted)
    torch.testing.assert_close(tangent, 2 * wanted)


@pytest.mark.parametrize("n", [1, 2])
def test_root_mean_square(n):
    made = Terms(*(t.abs() for t in terms(n, 5, 3)))
    bank, image = SeparableBank(made, torch.float64), (rand(2, n, 6, 5) - 0.5).requires_grad_()

    def function(x: torch.Tensor) -> torch.Tensor:
        return bank.root_mean_square(x, "reflect")

    torch.testing.assert_close(function(image), bank(image.square(), "reflect").sqrt())
    torch.testing.assert_close(function(image[0]), function(image)[0])
    assert torch.autograd.gradcheck(function, image, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(function, image)
    mapped = torch.func.vmap(lambda x: function(x[None])[0])(image)
    torch.testing.assert_close(mapped, function(image))


def test_zeros_stay_zeros():
    made = Terms(*(t.abs().float() for t in terms(1, 5, 5)))
    image = torch.zeros(1, 1, 64, 64)
    image[..., :20] = rand(64, 20).float()
    image.requires_grad_()
    bank = SeparableBank(Terms(*(t.double() for t in made)), torch.float32)
    assert (bank(image, "reflect") >= 0).all()
    assert (bank(image, "reflect")[..., 22:] == 0).all()
    (gradient,) = torch.autograd.grad(bank.root_mean_square(image, "reflect").sum(), image)
    assert gradient.isfinite().all() and (gradient[..., 20:] == 0).all()


def test_a_broken_image_spoils_no_other():
    bank, images = SeparableBank(terms(1, 31, 31), torch.float64), rand(3, 1, 80, 80)
    whole = bank(images, "reflect")
    images[1] = torch.nan
    torch.testing.assert_close(bank(images, "reflect")[::2], whole[::2], rtol=0, atol=0)


def test_an_image_too_small_for_its_reflection_is_refused():
    with pytest.raises(InputError, match="too small for a kernel of 9 x 9"):
        SeparableBank(terms(1, 9, 9), torch.float64)(rand(1, 1, 4, 20), "reflect")


def test_negligible_taps_are_cut_off():
    taps = torch.exp(-(torch.arange(-15.0, 16).double() ** 2) / 2)[None, None]
    for dtype in (torch.float32, torch.float64):
        bank = SeparableBank(Terms(torch.ones(1, 1).double(), taps, taps), dtype)
        ((profile, _),) = bank._uses
        assert profile.reach < 10
        image = rand(1, 1, 70, 70).to(dtype)
        whole = convolve(image.double(), taps[0].mT * taps[0], method="spatial")
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(bank(image, "reflect").double(), whole, rtol=20 * eps, atol=0)


def test_matrices_of_few_sizes_are_kept():
    bank = SeparableBank(terms(1, 3, 3), torch.float64)
    for n in range(5, 8 + KEPT_SIZES):
        bank(rand(1, 1, n, 5), "reflect")
        bank(rand(1, 1, 5, 5), "reflect")
    assert len(bank._matrices) == KEPT_SIZES
    assert ((5, 5), "reflect") in bank._matrices


@pytest.mark.parametrize(
    ("n_kernels", "kernel_size", "shape", "mode", "pays"),
    [
        (1, 31, (1, 1, 256, 256), "reflect", True),
        (2, 31, (1, 1, 256, 256), "reflect", True),
        (1, 301, (1, 1, 1024, 1024), "reflect", False),
        (1, 31, (64, 1, 16, 16), "reflect", False),
        (1, 31, (1, 1, 256, 256), "circular", False),
    ],
)
def test_chosen_where_it_costs_less(n_kernels, kernel_size, shape, mode, pays):
    bank = SeparableBank(terms(n_kernels, kernel_size, kernel_size), torch.float32)
    assert bank.pays(torch.empty(shape), mode) is pays
    assert not bank.pays(torch.empty(shape, dtype=torch.float16), mode)


class Raced(OrderedDict):
    """Whatever is found here has been thrown out by another thread since."""

    def __contains__(self, key):
        return self.get(key) is not None

    def get(self, key, default=None):
        found = super().get(key, default)
        if found is not default:
            del self[key]
        return found


def test_matrices_thrown_out_by_another_thread_are_still_used():
    made, image = terms(1, 3, 3), rand(1, 1, 16, 17)
    bank = SeparableBank(made, torch.float64)
    bank._matrices = Raced()
    for _ in range(2):
        torch.testing.assert_close(bank(image, "reflect"), expected(image, made, "reflect"), rtol=1e-12, atol=1e-12)
