"""Powers whose gradient stays finite at zero."""

import torch
from jaxtyping import Float
from torch import Tensor


def positive_power(x: Float[Tensor, "*shape"], exponent: float) -> Float[Tensor, "*shape"]:
    """Raise to a power; zero and negative numbers give 0 with a gradient of 0.

    Below an exponent of one the slope at zero is infinite, and an infinite slope times a change of zero is no number.
    """
    positive = x > 0
    power = torch.where(positive, x, torch.ones_like(x)) ** exponent
    return torch.where(positive, power, torch.zeros_like(x))


def positive_product(
    x: Float[Tensor, "factor *shape"], exponents: Float[Tensor, "factor ..."]
) -> Float[Tensor, "*shape"]:
    """Multiply powers along the first dimension; with any factor zero or negative, 0 with a gradient of 0."""
    positive = (x > 0).all(0)
    logarithms = torch.where(positive, x, torch.ones_like(x)).log()
    product = (logarithms * exponents).sum(0).exp()
    return torch.where(positive, product, torch.zeros_like(product))
