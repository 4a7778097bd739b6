"""The gradient of nlpd in one step against the one that automatic differentiation finds step by step."""

import pytest
import torch

from metameric.metric import _nlpd
from metameric.process import _normalized_laplacian


def images(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.rand(*shape, generator=rng, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("size", [(40, 33), (70, 131), (192, 200)])
@pytest.mark.parametrize("leading", [((1, 1), (1, 1)), ((2, 3), (1, 3)), ((2, 1), (2, 3)), ((1, 1), (4, 1))])
def test_same_values_and_gradients(leading, size):
    pair = [images(*lead, *size) for lead in leading]
    ours, steps = _nlpd._squares(*pair), _nlpd._differentiable(*pair)
    torch.testing.assert_close(ours, steps)
    weights = torch.linspace(0.5, 1.5, ours.numel(), dtype=ours.dtype).view(ours.shape)
    gradients = [torch.autograd.grad((squares * weights).sum(), pair) for squares in (ours, steps)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("together", [0, 2**15, 2**40])
def test_the_same_from_whichever_scale_on_both_images_are_transformed_together(together, monkeypatch):
    pair = images(2, 1, 70, 50), images(1, 3, 70, 50)
    monkeypatch.setattr(_normalized_laplacian, "TOGETHER", together)
    ours, steps = _nlpd._squares(*pair), _nlpd._differentiable(*pair)
    torch.testing.assert_close(ours, steps)
    torch.testing.assert_close(*(torch.autograd.grad(squares.sum(), pair) for squares in (ours, steps)))


@pytest.mark.parametrize("place", [0, 1])
def test_gradient_of_one_image_alone(place):
    pair = [images(1, 1, 40, 40), images(1, 1, 41, 40)[..., 1:, :]]
    pair[1 - place] = pair[1 - place].detach()
    ours, steps = (torch.autograd.grad(f(*pair).sum(), pair[place])[0] for f in (_nlpd._squares, _nlpd._differentiable))
    torch.testing.assert_close(ours, steps)


def test_gradients_of_gradients():
    pair = images(1, 1, 34, 33), images(1, 2, 34, 33)
    assert torch.autograd.gradcheck(
        _nlpd._squares, pair, fast_mode=True, check_forward_ad=True, check_batched_grad=True
    )
    assert torch.autograd.gradgradcheck(_nlpd._squares, pair, fast_mode=True, check_batched_grad=True)


def test_one_image_twice_has_a_gradient_of_zero_at_every_order():
    x = images(1, 1, 40, 40)
    (slope,) = torch.autograd.grad(_nlpd._squares(x, x).sum(), x, create_graph=True)
    (again,) = torch.autograd.grad(slope.square().sum(), x)
    assert slope.abs().max() == 0
    assert again.abs().max() == 0
