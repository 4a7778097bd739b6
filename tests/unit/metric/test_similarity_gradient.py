"""SSIM's gradient in one step against the one that automatic differentiation finds step by step."""

import pytest
import torch

from metameric._core.fixed import Fixed
from metameric.metric import _similarity
from metameric.metric._similarity import BOTH, STRUCTURE, WEIGHTED, mean_similarities

KINDS = [
    ((STRUCTURE,), False),
    ((BOTH,), False),
    ((BOTH,), "replicate"),
    ((WEIGHTED,), False),
    ((WEIGHTED,), "reflect"),
    ((STRUCTURE, WEIGHTED, BOTH), False),
]


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed + sum(shape))
    return torch.rand(*shape, generator=rng, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("size", [(12, 14), (9, 20), (200, 190)])
@pytest.mark.parametrize(("kinds", "pad"), [*KINDS, ((WEIGHTED,), "constant"), ((BOTH, STRUCTURE), "circular")])
def test_same_values_and_gradients(kinds, pad, size) -> None:
    pair = images(2, 3, *size), images(2, 3, *size, seed=1)
    ours, steps = (f(*pair, kinds, pad) for f in (mean_similarities, _similarity._differentiable))
    torch.testing.assert_close(ours, steps, rtol=1e-12, atol=1e-13)
    weights = torch.linspace(0.5, 1.5, ours.numel(), dtype=ours.dtype).view(ours.shape)
    gradients = [torch.autograd.grad((v * weights).sum(), pair) for v in (ours, steps)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("kinds", "pad"), KINDS)
def test_gradient_of_one_image_alone_twice(place, kinds, pad) -> None:
    pair = [images(1, 1, 20, 20), images(1, 1, 21, 20)[..., 1:, :]]
    pair[1 - place] = pair[1 - place].detach()
    value = mean_similarities(*pair, kinds, pad)
    first, second = (torch.autograd.grad(value.sum(), pair[place], retain_graph=True)[0] for _ in range(2))
    steps = torch.autograd.grad(_similarity._differentiable(*pair, kinds, pad).sum(), pair[place])[0]
    torch.testing.assert_close(first, steps, rtol=1e-9, atol=1e-13)
    assert torch.equal(first, second)


@pytest.mark.parametrize(("kinds", "pad"), KINDS)
def test_with_an_image_that_is_known_not_to_change(kinds, pad) -> None:
    x, y = images(3, 2, 20, 22), images(3, 2, 20, 22, seed=1).detach()
    fixed, wanted = Fixed(y), _similarity._differentiable(x, y, kinds, pad)
    with fixed.known():
        for _ in range(2):
            value = mean_similarities(x, y, kinds, pad)
            torch.testing.assert_close(value, wanted, rtol=1e-12, atol=1e-13)
            slopes = [torch.autograd.grad(v.sum(), x, retain_graph=True)[0] for v in (value, wanted)]
            torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-13)
        torch.testing.assert_close(
            mean_similarities(x[1:2], y[1:2], kinds, pad), wanted[:, 1:2], rtol=1e-12, atol=1e-13
        )
    part = fixed.rows(torch.tensor([2, 0]))
    with part.known():
        few = mean_similarities(x[[2, 0]], part.batch, kinds, pad)
    torch.testing.assert_close(few, wanted[:, [2, 0]], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("kinds", "pad"), KINDS)
def test_gradients_of_gradients(kinds, pad) -> None:
    pair = images(1, 1, 13, 12), images(1, 1, 13, 12, seed=1)

    def function(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return mean_similarities(x, y, kinds, pad)

    assert torch.autograd.gradcheck(function, pair, fast_mode=True, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(function, pair, fast_mode=True, check_batched_grad=True)


@pytest.mark.parametrize(("kinds", "pad"), KINDS)
def test_images_without_contrast(kinds, pad) -> None:
    x = torch.full((1, 1, 16, 19), 0.3, dtype=torch.float64, requires_grad=True)
    y = torch.full_like(x, 0.6).detach()
    values = [f(x, y, kinds, pad) for f in (mean_similarities, _similarity._differentiable)]
    torch.testing.assert_close(*values, rtol=1e-12, atol=1e-13)
    gradients = [torch.autograd.grad(v.sum(), x)[0] for v in values]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-13)
    assert gradients[0].isfinite().all()
