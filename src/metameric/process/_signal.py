"""Ranges, noise, phase, autocorrelation and cropping of signals."""

from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float, Num, Shaped
from torch import Tensor

from metameric._core.counts import whole
from metameric._core.errors import InputError, InputTypeError
from metameric._core.none import are_none, of_none
from metameric._core.random import fresh_seed, generator
from metameric._core.types import Number


def rescale(x: Num[Tensor, "*shape"], a: Number = 0.0, b: Number = 1.0) -> Float[Tensor, "*shape"]:
    """Map the range of the whole tensor linearly to [a, b]; a constant becomes `a`.

    Parameters
    ----------
    x
        Any shape, real; integers become floats of the default dtype.
    a, b
        Values of the new minimum and maximum; a > b turns the range upside down.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.rescale(torch.tensor([10.0, 15.0, 20.0]), -1, 1)
    tensor([-1.,  0.,  1.])
    """
    if not x.is_floating_point():
        x = x.to(torch.get_default_dtype())
    low, high = x.amin(), x.amax()
    extent = torch.where(high > low, high - low, torch.ones_like(high))
    return a + (x - low) / extent * (b - a)


def add_noise(
    img: Float[Tensor, "*shape"],
    noise_mse: Number | Sequence[Number] | Tensor,
    *,
    seed: int | torch.Generator | None = None,
) -> Float[Tensor, "*noisy"]:
    """Add white Gaussian noise whose mean square is exactly the one asked for.

    Parameters
    ----------
    img
        Images (batch, channel, height, width) or any shape (batch, ...).
    noise_mse
        Mean squared error between result and image, of every channel of every image, not negative. Several values:
        one result each along the batch dimension, for an `img` with a batch of one or of as many.
    seed
        An integer or a CPU generator; by default a fresh seed (reproducible after `metameric.set_seed`).

    Raises
    ------
    ValueError
        If a value is negative, or the number of values does not match the batch.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> image = torch.rand(1, 1, 16, 16)
    >>> noisy = mm.process.add_noise(image, [0.1, 0.5], seed=0)
    >>> mm.metric.mse(noisy, image).squeeze()
    tensor([0.1000, 0.5000])
    """
    power = torch.as_tensor(noise_mse, dtype=img.dtype, device=img.device).reshape(-1)
    if bool((power < 0).any()) or not bool(power.isfinite().all()):
        raise InputError(f"noise_mse is {noise_mse}; expected mean squared errors of zero or more.")
    if power.numel() > 1:
        if img.ndim < 2 or img.shape[0] not in (1, power.numel()):
            raise InputError(
                f"noise_mse has {power.numel()} values for an image of shape {tuple(img.shape)}; "
                f"expected a batch of 1 or {power.numel()}."
            )
        img = img.expand(power.numel(), *img.shape[1:])
    source = seed if isinstance(seed, torch.Generator) else generator(fresh_seed() if seed is None else seed)
    # Drawn in float64 and rounded, so that float32 and float64 images receive the same noise.
    noise = torch.randn(img.shape, generator=source, dtype=torch.float64).to(img)
    plane = tuple(range(max(0, img.ndim - 2), img.ndim))
    noise = noise / noise.square().mean(plane, keepdim=True).sqrt()
    return img + noise * power.sqrt().reshape(-1, *(1,) * (img.ndim - 1))


def modulate_phase(x: Complex[Tensor, "*shape"], phase_factor: Number = 2.0) -> Complex[Tensor, "*shape"]:
    """Multiply the phase of a complex signal, keeping its amplitude.

    Parameters
    ----------
    x
        Any shape, complex.
    phase_factor
        2 makes bands of a complex pyramid comparable with those one octave finer (Portilla and Simoncelli, 2000).

    Raises
    ------
    TypeError
        If `x` is real.

    Notes
    -----
    Doubling is ``x**2 / |x|``, whose gradient is finite at zero.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.modulate_phase(torch.tensor([2j]))
    tensor([-2.+0.j])
    """
    if not x.is_complex():
        raise InputTypeError(f"x has dtype {x.dtype}; expected a complex tensor, as complex pyramids give.")
    amplitude = x.abs()
    if phase_factor == 2:
        return x * (x / torch.where(amplitude > 0, amplitude, torch.ones_like(amplitude)))
    return torch.polar(amplitude, x.angle() * phase_factor)


def autocorrelation(x: Float[Tensor, "*lead height width"]) -> Float[Tensor, "*lead height width"]:
    """Circular autocorrelation of each plane, divided by the number of pixels; zero lag in the middle.

    Parameters
    ----------
    x
        Shape (..., height, width), real. Subtract the mean first to get the autocovariance.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions.
    TypeError
        If `x` is not real.

    Notes
    -----
    The inverse transform of the power spectrum (Wiener-Khinchin). Lag (0, 0) is at [height // 2, width // 2].

    Examples
    --------
    >>> import torch, metameric as mm
    >>> x = torch.rand(1, 1, 8, 9)
    >>> torch.isclose(mm.process.autocorrelation(x)[0, 0, 4, 4], (x**2).mean())
    tensor(True)
    """
    if x.ndim < 2:
        raise InputError(f"x has shape {tuple(x.shape)}; expected (..., height, width).")
    if not x.is_floating_point():
        raise InputTypeError(f"x has dtype {x.dtype}; expected real floats.")
    if are_none(x):
        return of_none(autocorrelation, x)
    size = x.shape[-2], x.shape[-1]
    spectrum = torch.view_as_real(torch.fft.rfft2(x))
    power = spectrum.square().sum(-1) / (size[0] * size[1])
    return torch.fft.fftshift(torch.fft.irfft2(power, s=size), dim=(-2, -1))


def center_crop(x: Shaped[Tensor, "*lead height width"], output_size: int) -> Shaped[Tensor, "*lead side side"]:
    """Cut out the middle square of each plane.

    Parameters
    ----------
    x
        Shape (..., height, width).
    output_size
        Side of the square in pixels. Its middle pixel, [side // 2, side // 2], is [height // 2, width // 2] of `x`.

    Raises
    ------
    ValueError
        If `output_size` is not positive or larger than the image.
    TypeError
        If `output_size` is not an integer.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.process.center_crop(torch.arange(5.0).expand(5, 5), 3)[0]
    tensor([1., 2., 3.])
    """
    size = None if isinstance(output_size, bool) else whole(output_size)
    if size is None:
        raise InputTypeError(f"output_size is {output_size!r}; expected one integer, the side of a square in pixels.")
    if x.ndim < 2 or not 0 < size <= min(x.shape[-2:]):
        raise InputError(
            f"output_size is {size} for x of shape {tuple(x.shape)}; expected (..., height, width) and a side "
            "from 1 to the smaller of height and width."
        )
    top, left = (n // 2 - size // 2 for n in x.shape[-2:])
    return x[..., top : top + size, left : left + size]
