"""Small filters in space: Gaussians and the binomial family."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError, NearestNameError


def circular_gaussian2d(
    kernel_size: int | tuple[int, int],
    std: float | Sequence[float] | Tensor,
    out_channels: int | None = None,
) -> Float[Tensor, "out_channels 1 height width"]:
    """Build circularly symmetric Gaussian kernels that sum to one.

    Parameters
    ----------
    kernel_size
        Height and width in pixels; one number makes a square. The centre lies between pixels where it is even.
    std
        Standard deviation in pixels, above zero. Several values make one channel each. The kernel takes dtype and
        device of a tensor and is differentiable with respect to it.
    out_channels
        Number of channels. By default as many as `std` has values; a single number is repeated.

    Raises
    ------
    ValueError
        If a size, a standard deviation or the number of channels is not positive, or the latter two disagree.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.process.circular_gaussian2d(kernel_size=31, std=[2, 5.5]).shape
    torch.Size([2, 1, 31, 31])
    """
    height, width = _kernel_shape(kernel_size)
    sigma = _channel_stds(std, out_channels)
    rows, columns = (_gaussian1d(length, sigma) for length in (height, width))
    return (rows.unsqueeze(-1) * columns.unsqueeze(-2)).unsqueeze(1)


def _gaussian1d(length: int, sigma: Float[Tensor, " out_channels"]) -> Float[Tensor, "out_channels length"]:
    position = torch.arange(length, dtype=sigma.dtype, device=sigma.device) - (length - 1) / 2
    # softmax normalises in the exponent: a width far below one pixel gives a point, not 0 / 0
    return torch.softmax(-0.5 * (position / sigma.unsqueeze(-1)) ** 2, dim=-1)


def _kernel_shape(kernel_size: int | tuple[int, int]) -> tuple[int, int]:
    sizes = (kernel_size, kernel_size) if isinstance(kernel_size, (int, float)) else tuple(kernel_size)
    if len(sizes) != 2 or any(s != int(s) or s < 1 for s in sizes):
        raise InputError(f"kernel_size is {kernel_size}; expected one or two positive integers (height, width).")
    return int(sizes[0]), int(sizes[1])


def _channel_stds(std: float | Sequence[float] | Tensor, out_channels: int | None) -> Float[Tensor, " out_channels"]:
    sigma = std if isinstance(std, Tensor) else torch.as_tensor(std, dtype=torch.get_default_dtype())
    # A look at a tensor on an accelerator would stall it at every call of a model that learns its filters.
    if sigma.device.type == "cpu" and not bool((sigma > 0).all()):
        raise InputError(f"std is {std}; expected standard deviations above zero, in pixels.")
    if out_channels is None:
        return sigma.reshape(-1)
    if out_channels != int(out_channels) or out_channels < 1:
        raise InputError(f"out_channels is {out_channels}; expected a positive integer.")
    if sigma.ndim == 0:
        return sigma.expand(int(out_channels))
    if sigma.numel() != out_channels:
        raise InputError(
            f"std has {sigma.numel()} values for out_channels={out_channels}; give one value per channel, or a number."
        )
    return sigma.reshape(-1)


@lru_cache(maxsize=64)
def binomial(name: str, dtype: torch.dtype, device: torch.device) -> Float[Tensor, " taps"]:
    """Return the filter 'binomN' of N taps, rows of Pascal's triangle, of sum one (Burt & Adelson's is 'binom5')."""
    digits = name.removeprefix("binom")
    if not (name.startswith("binom") and digits.isdigit() and int(digits) > 0):
        raise NearestNameError(
            f"there is no filter named {name!r}; expected 'binom2', 'binom3', 'binom5' or any other 'binomN'."
        )
    n = int(digits) - 1
    return torch.tensor([math.comb(n, k) / 2**n for k in range(n + 1)], dtype=dtype, device=device)
