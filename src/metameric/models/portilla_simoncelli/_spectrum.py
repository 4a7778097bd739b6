"""Power spectra with a derivative that keeps no spectrum, and the matrices that turn them into covariances."""

from functools import lru_cache
from math import pi
from typing import Any

import torch
from torch import Tensor, fft

from metameric._core.linear import constants


def without_mean(image: Tensor) -> Tensor:
    """Half spectrum per pixel, zero at zero frequency."""
    spectrum = fft.rfft2(image, norm="forward")
    # The mean must go before squaring: its square can exceed the rest by more than the precision holds.
    spectrum[..., 0, 0] = 0
    return spectrum


class PowerSpectrum(torch.autograd.Function):
    """``abs(rfft2(image) / pixels) ** 2`` with zero at zero frequency."""

    generate_vmap_rule = True

    @staticmethod
    def forward(image: Tensor) -> Tensor:
        spectrum = without_mean(image)
        return spectrum.real.square() + spectrum.imag.square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        spectrum = without_mean(image)
        columns = image.shape[-1]
        response = gradient * once_columns(columns, image.dtype, image.device)
        filtered = torch.complex(spectrum.real * response, spectrum.imag * response)
        return fft.irfft2(filtered, s=image.shape[-2:], norm="backward")

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        spectrum, change = without_mean(image), without_mean(tangent)
        return 2 * (spectrum.real * change.real + spectrum.imag * change.imag)


@lru_cache(maxsize=128)
def lag_matrices(
    rows: int, columns: int, width: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Matrices L, R such that L P R holds the cosine and the sine products of the central lags of a half spectrum P."""
    with constants():
        lags = torch.arange(width, dtype=torch.float64) - width // 2
        down = 2 * pi / rows * torch.outer(lags, torch.arange(rows))
        across = 2 * pi / columns * torch.outer(torch.arange(columns // 2 + 1), lags)
        times = torch.full((columns // 2 + 1, 1), 2.0, dtype=torch.float64)
        times[0] = 1
        if columns % 2 == 0:
            times[-1] = 1
        left = torch.cat([down.cos(), down.sin()])
        right = times * torch.cat([across.cos(), across.sin()], dim=1)
        return left.to(device=device, dtype=dtype), right.to(device=device, dtype=dtype)


def lags(numbers: Tensor, size: tuple[int, int], width: int) -> Tensor:
    """Lags of the autocovariance that a transposed half spectrum per pixel gives: (to the right, down).

    `numbers` are its real and imaginary parts (..., columns, 2 * rows). Lags to the left are the same by symmetry.
    """
    across, down, _, _ = half_lag_matrices(*size, width, numbers.dtype, numbers.device)
    both = across @ (numbers * numbers)
    return both.view(*numbers.shape[:-2], width // 2 + 1, len(down)) @ down


def filtered(numbers: Tensor, gradient: Tensor, size: tuple[int, int], width: int) -> Tensor:
    """Spectrum of the gradient of `lags`, in the form of `numbers`."""
    _, _, across, down = half_lag_matrices(*size, width, numbers.dtype, numbers.device)
    both = (gradient @ down).view(*numbers.shape[:-2], width + 1, numbers.shape[-1])
    return (across @ both).mul_(numbers)


@lru_cache(maxsize=128)
def half_lag_matrices(
    rows: int, columns: int, width: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`lag_matrices` across the columns and down the rows, for `lags` and then for `filtered`.

    Cosine and sine of one lag across are neighbours, so that a view brings their products with cosines and sines down,
    which are subtracted, into one row.
    """
    left, right = lag_matrices(rows, columns, width, dtype, device)
    with constants():
        across = torch.stack([right[:, width // 2 : width], right[:, width + width // 2 :]], -1).flatten(1)
        down = torch.cat([left[:width], -left[width:]], 1).repeat_interleave(2, 1)
        back = across * once_columns(columns, dtype, device)[:, None]
        return across.mT.contiguous(), down.mT.contiguous(), back, down


@lru_cache(maxsize=128)
def once_columns(columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights that undo how irfft2 counts inner columns twice, for their mirror images, and outer ones once."""
    with constants():
        weights = torch.ones(columns // 2 + 1, dtype=dtype, device=device)
        weights[0] = 2
        if columns % 2 == 0:
            weights[-1] = 2
        return weights
