"""Small filters in space: Gaussians and the binomial family."""

import difflib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.counts import height_and_width
from metameric._core.errors import InputError, NearestNameError
from metameric._core.types import Number


def circular_gaussian2d(
    kernel_size: int | tuple[int, int],
    std: Number | Sequence[Number] | Tensor,
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
    down, along = gaussian_profiles(_kernel_shape(kernel_size), _channel_stds(std, out_channels))
    return (down.unsqueeze(-1) * along.unsqueeze(-2)).unsqueeze(1)


def gaussian_profiles(
    size: tuple[int, int], sigma: Float[Tensor, "*stds"]
) -> tuple[Float[Tensor, "n height"], Float[Tensor, "n width"]]:
    """Return profiles of Gaussian kernels of one size, for each standard deviation; each sums to one."""
    down, along = (_gaussian1d(length, sigma.reshape(-1)) for length in size)
    return down, along


def _gaussian1d(length: int, sigma: Float[Tensor, " out_channels"]) -> Float[Tensor, "out_channels length"]:
    position = torch.arange(length, dtype=sigma.dtype, device=sigma.device) - (length - 1) / 2
    # softmax normalises in the exponent: a width far below one pixel gives a point, not 0 / 0
    return torch.softmax(-0.5 * (position / sigma.unsqueeze(-1)) ** 2, dim=-1)


def _kernel_shape(kernel_size: int | tuple[int, int]) -> tuple[int, int]:
    return height_and_width("kernel_size", kernel_size)


def _channel_stds(std: Number | Sequence[Number] | Tensor, out_channels: int | None) -> Float[Tensor, " out_channels"]:
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
def named_filter(name: str) -> tuple[float, ...]:
    """Return the taps of a classical low-pass filter, scaled for a sum of about one as its authors give it.

    Names: ``"binomN"`` for any N (rows of Pascal's triangle; ``"binom5"`` is Burt and Adelson's, 1983), ``"haar"``,
    ``"gauss3"``, ``"gauss5"``, and Daubechies' ``"daub2"``, ``"daub3"``, ``"daub4"`` (1988).
    """
    alias = {"haar": "binom2", "gauss3": "binom3", "gauss5": "binom5"}.get(name, name)
    digits = alias.removeprefix("binom")
    if alias != digits and digits.isdigit() and int(digits) > 0:
        n = int(digits) - 1
        return tuple(math.comb(n, k) / 2**n for k in range(n + 1))
    if name in ("daub2", "daub3", "daub4"):
        return _daubechies(int(name[-1]))
    if name in _QMF_HALVES:
        half, is_odd = _QMF_HALVES[name], int(name[3:]) % 2
        # Filters of odd length hold their centre once and were published for a sum of sqrt(2).
        taps = (*half, *half[-2::-1]) if is_odd else (*half, *half[::-1])
        return tuple(t / math.sqrt(2) for t in taps) if is_odd else taps
    known = ["binom2", "binom3", "binom5", "haar", "gauss3", "gauss5", "daub2", "daub3", "daub4", *_QMF_HALVES]
    near = difflib.get_close_matches(name, known, n=3) or known
    raise NearestNameError(f"there is no filter named {name!r}; expected 'binomN' for any N or one of {near}.")


def _daubechies(n_moments: int) -> tuple[float, ...]:
    """Factor the half-band polynomial, keeping the roots inside the unit circle (minimum phase)."""
    halfband = np.array([math.comb(n_moments - 1 + k, k) for k in range(n_moments)], dtype=float)
    # With y = (2 - z - 1/z) / 4, each root y of the polynomial gives a pair z, 1/z.
    factor = np.array([1.0])
    for y in np.roots(halfband[::-1]):
        pair = np.roots([1, 4 * y - 2, 1])
        factor = np.convolve(factor, [1, -pair[np.argmin(abs(pair))]])
    for _ in range(n_moments):
        factor = np.convolve(factor, [0.5, 0.5])
    taps = factor.real / factor.real.sum()
    return tuple(float(t) for t in taps)


# First halves of published quadrature-mirror filters: Johnston (1980) of even length, Simoncelli and Adelson (1990)
# of odd length.
_QMF_HALVES = {
    "qmf5": (-0.076103, 0.3535534, 0.8593118),
    "qmf9": (0.02807382, -0.060944743, -0.073386624, 0.41472545, 0.7973934),
    "qmf13": (-0.014556438, 0.021651438, 0.039045125, -0.09800052, -0.057827797, 0.42995453, 0.7737113),
    "qmf8": (0.00938715, -0.07065183, 0.06942827, 0.48998080),
    "qmf12": (-0.003809699, 0.01885659, -0.002710326, -0.08469594, 0.08846992, 0.4843894),
    "qmf16": (
        0.001050167,
        -0.005054526,
        -0.002589756,
        0.02764140,
        -0.009666376,
        -0.09039223,
        0.09779817,
        0.4810284,
    ),
}
