"""Powers whose gradient stays finite at zero."""

import torch
from jaxtyping import Float
from torch import Tensor


def positive_power(x: Float[Tensor, "*shape"], exponent: float) -> Float[Tensor, "*shape"]:
    """Raise to a power; zero and negative numbers give 0 with a gradient of 0, what is no number stays none.

    Below an exponent of one the slope at zero is infinite, and an infinite slope times a change of zero is no number.
    """
    absent = x <= 0
    power = torch.where(absent, torch.ones_like(x), x) ** exponent
    return torch.where(absent, torch.zeros_like(x), power)


def positive_product(
    x: Float[Tensor, "factor *shape"], exponents: Float[Tensor, "factor ..."]
) -> Float[Tensor, "*shape"]:
    """Multiply powers along the first dimension; with any factor zero or negative, 0 with a gradient of 0."""
    absent = (x <= 0).any(0)
    logarithms = torch.where(absent, torch.ones_like(x), x).log()
    product = (logarithms * exponents).sum(0).exp()
    return torch.where(absent, torch.zeros_like(product), product)
