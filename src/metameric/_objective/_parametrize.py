"""Parametrizations of stimuli: sigmoid, Fourier coefficients, the user's own generator."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from metameric._core.types import Number

# Axes of the colours of natural images: luminance, blue-yellow, red-green (Ruderman, Cronin & Chiao 1998), and the
# standard deviations along them, relative to the first.
_COLORS = ((3**-0.5, 3**-0.5, 3**-0.5), (6**-0.5, 6**-0.5, -2 * 6**-0.5), (2**-0.5, -(2**-0.5), 0.0))
_COLOR_STDS = (1.0, 0.25, 0.1)


@dataclass(frozen=True)
class SigmoidPixels:
    """``x = low + (high - low) / (1 + exp(-z))``: every stimulus lies strictly within the range.

    Parameters
    ----------
    low, high
        The range.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> mm.SigmoidPixels()(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    low: Number = 0.0
    high: Number = 1.0

    def __call__(self, z: Tensor) -> Tensor:
        """Return the stimuli of parameters (batch, ...)."""
        return self.low + (self.high - self.low) * torch.sigmoid(z)

    def encode(self, x: Tensor) -> Tensor:
        """Return the parameters of stimuli; those at the edge of the range are moved in a little."""
        return torch.logit((x - self.low) / (self.high - self.low), eps=1e-4)


@dataclass(frozen=True)
class FourierPixels:
    """Images as Fourier coefficients, weighted by ``1 / f**decay``, on axes along which natural colours vary alone.

    The real and the imaginary part are separate parameters, (batch, channel, height, width // 2 + 1, 2), so that a
    step of the same length changes amplitude and phase of large features more than of small ones (Olah et al. 2017).

    Parameters
    ----------
    height, width
        Of the images.
    decay
        Power of the weights; 0 weighs all frequencies alike, which makes this a rotation of the pixels.
    decorrelate
        Write the three channels of colour images as luminance, blue-yellow and red-green, weighted as they vary in
        natural images (Ruderman et al. 1998).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> fourier = mm.FourierPixels(16, 16)
    >>> x = torch.rand(1, 3, 16, 16)
    >>> torch.allclose(fourier(fourier.encode(x)), x, atol=1e-4)
    True
    """

    height: int
    width: int
    decay: Number = 1.0
    decorrelate: bool = True

    def __call__(self, z: Tensor) -> Tensor:
        """Return the images of parameters (batch, channel, height, width // 2 + 1, 2)."""
        spectrum = torch.view_as_complex(z.contiguous()) * self._weights(z)
        x = torch.fft.irfft2(spectrum, s=(self.height, self.width), norm="ortho")
        return self._turn(x, self._colors(x))

    def encode(self, x: Tensor) -> Tensor:
        """Return the parameters of images."""
        x = self._turn(x, torch.linalg.inv(self._colors(x)))
        return torch.view_as_real(torch.fft.rfft2(x, norm="ortho") / self._weights(x))

    def _weights(self, like: Tensor) -> Tensor:
        vertical = torch.fft.fftfreq(self.height, dtype=like.dtype, device=like.device)
        horizontal = torch.fft.rfftfreq(self.width, dtype=like.dtype, device=like.device)
        frequency = torch.hypot(vertical[:, None], horizontal).clamp(min=1 / max(self.height, self.width))
        weights = frequency**-self.decay
        return weights / weights.square().mean().sqrt()

    def _colors(self, x: Tensor) -> Tensor:
        return x.new_tensor(_COLORS).mT * x.new_tensor(_COLOR_STDS)

    def _turn(self, x: Tensor, matrix: Tensor) -> Tensor:
        return torch.einsum("ij,bjhw->bihw", matrix, x) if self.decorrelate and x.shape[1] == 3 else x


@dataclass(frozen=True)
class Generator:
    """A generator of your own: any differentiable function from latent vectors to stimuli.

    Parameters
    ----------
    function
        From ``(batch, *latent_shape)`` to stimuli (batch, ...).
    latent_shape
        Of one latent vector. The synthesis starts from standard normal ones.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> generator = mm.Generator(lambda z: z.reshape(-1, 1, 2, 2).tanh(), (4,))
    >>> generator(torch.zeros(3, 4)).shape
    torch.Size([3, 1, 2, 2])
    """

    function: Callable[[Tensor], Tensor]
    latent_shape: tuple[int, ...]

    def __call__(self, z: Tensor) -> Tensor:
        """Return the stimuli of latent vectors (batch, ...)."""
        return self.function(z)
