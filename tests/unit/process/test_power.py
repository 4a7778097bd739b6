"""Powers and products of powers where the factors are not positive."""

import torch

from metameric.process._power import positive_power, positive_product


def test_power():
    x = torch.tensor([4.0, 0.0, -1.0, torch.nan], dtype=torch.float64, requires_grad=True)
    power = positive_power(x, 0.5)
    (slope,) = torch.autograd.grad(power.sum(), x)
    torch.testing.assert_close(power, torch.tensor([2.0, 0.0, 0.0, torch.nan], dtype=torch.float64), equal_nan=True)
    assert slope[:3].tolist() == [0.25, 0.0, 0.0]


def test_product():
    x = torch.tensor([[4.0, 4.0, 4.0, torch.nan], [8.0, 0.0, -1.0, 8.0]], dtype=torch.float64, requires_grad=True)
    product = positive_product(x, torch.tensor([[0.5], [2.0]], dtype=torch.float64))
    (slope,) = torch.autograd.grad(product.sum(), x)
    torch.testing.assert_close(product, torch.tensor([128.0, 0, 0, torch.nan], dtype=torch.float64), equal_nan=True)
    torch.testing.assert_close(slope[:, :3], torch.tensor([[16.0, 0, 0], [32.0, 0, 0]], dtype=torch.float64))
