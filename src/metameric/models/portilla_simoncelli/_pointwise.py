"""Modulus and phase doubling of complex coefficients, with derivatives that stay bounded at zero.

Coefficients have shape (..., 2, orientation, height, width): real parts, then imaginary parts.
"""

from typing import Any

import torch
from torch import Tensor


def _polar(band: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Modulus, cosine and sine of the phase; coefficients that are zero, or as good as zero, have none of the three."""
    real, imaginary = band.unbind(-4)
    square = (real * real).addcmul(imaginary, imaginary)
    # Derivatives of the inverse have its cube as a factor, which must be finite: 1e36 in single precision.
    none = square < torch.finfo(band.dtype).tiny ** (5 / 8)
    inverse = torch.where(none, 0, torch.where(none, 1, square).rsqrt())
    return square * inverse, real * inverse, imaginary * inverse


class Modulus(torch.autograd.Function):
    """``abs(z)``, whose derivative at zero is taken as zero."""

    generate_vmap_rule = True

    @staticmethod
    def forward(band: Tensor) -> Tensor:
        return _polar(band)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        _, cosine, sine = _polar(*ctx.saved_tensors)
        return torch.stack([gradient * cosine, gradient * sine], dim=-4)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        _, cosine, sine = _polar(*ctx.saved_tensors)
        real, imaginary = tangent.unbind(-4)
        return cosine * real + sine * imaginary


class PhaseDoubling(torch.autograd.Function):
    """``abs(z)`` and real and imaginary part of ``z**2 / abs(z)``, stacked in dimension -4."""

    generate_vmap_rule = True

    @staticmethod
    def forward(band: Tensor) -> Tensor:
        modulus, cosine, sine = _polar(band)
        real, imaginary = band.unbind(-4)
        return torch.stack([modulus, real * cosine - imaginary * sine, 2 * real * sine], dim=-4)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        _, cosine, sine = _polar(*ctx.saved_tensors)
        to_modulus, to_real, to_imaginary = gradient.unbind(-4)
        # The modulus is unchanged, the phase moves twice as fast: d(z**2/|z|) = 2 w dz - w**2 d|z| with w = z/|z|.
        radial = to_modulus - to_real * (cosine * cosine - sine * sine) - to_imaginary * (2 * cosine * sine)
        to_first = 2 * (to_real * cosine + to_imaginary * sine) + radial * cosine
        to_second = 2 * (to_imaginary * cosine - to_real * sine) + radial * sine
        return torch.stack([to_first, to_second], dim=-4)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        _, cosine, sine = _polar(*ctx.saved_tensors)
        real, imaginary = tangent.unbind(-4)
        growth = cosine * real + sine * imaginary
        along = 2 * (cosine * real - sine * imaginary) - (cosine * cosine - sine * sine) * growth
        across = 2 * (sine * real + cosine * imaginary) - 2 * cosine * sine * growth
        return torch.stack([growth, along, across], dim=-4)
