"""What is known beforehand of operators on images: a rough inverse in the Fourier domain, and where to start.

Models of vision treat all places nearly alike, so that sinusoids nearly diagonalise their Fisher information; and
they are nearly blind to changes of overall brightness and contrast: to smooth modulations of the image itself.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._solve._eigen import Operator, Vectors

# Relative to the largest eigenvalue. Too low a floor would trust the noise of the estimate; 1e-2 to 1e-5 all do.
FLOOR = 1e-3
# Bins of the radial average per octave of spatial frequency.
BINS = 6


class FourierInverse:
    """Inverse of an operator's diagonal in the Fourier domain, estimated from a few random probes.

    Parameters
    ----------
    to_images, from_images
        From vectors (k, n) to stimuli (k, ...), and the adjoint.
    probes, responses
        Random vectors (k, n) with independent entries, and the operator applied to them.
    scale
        The largest eigenvalue.
    """

    def __init__(
        self,
        to_images: Callable[[Vectors], Tensor],
        from_images: Callable[[Tensor], Vectors],
        probes: Vectors,
        responses: Vectors,
        scale: float,
    ) -> None:
        self.to_images, self.from_images = to_images, from_images
        images = to_images(probes)
        self.axes = spatial_axes(images.shape[1:])
        sent, received = self._transform(images), self._transform(to_images(responses))
        gain = (sent.conj() * received).real.sum(0) / sent.abs().square().sum(0).clamp(min=1e-30)
        bins = radial_bins([images.shape[a] for a in self.axes]).to(images.device)
        flat = gain.reshape(-1, bins.numel())
        count = int(bins.max()) + 1
        total = flat.new_zeros(flat.shape[0], count).index_add_(1, bins.reshape(-1), flat)
        number = torch.bincount(bins.reshape(-1), minlength=count).clamp(min=1)
        mean = (total / number).clamp(min=0)
        self.inverse = (1 / (mean + FLOOR * scale))[:, bins.reshape(-1)].reshape(gain.shape)

    def __call__(self, vectors: Vectors) -> Vectors:
        """Apply the rough inverse to vectors (k, n)."""
        images = self.to_images(vectors)
        spectrum = self._transform(images) * self.inverse
        return self.from_images(torch.fft.ifftn(spectrum, dim=self.axes).real.to(images.dtype))

    def _transform(self, images: Tensor) -> Tensor:
        return torch.fft.fftn(images, dim=self.axes)


def spatial_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes along which a stimulus (...) extends in space or time, counted from the end."""
    return (-2, -1) if len(shape) >= 2 else (-1,)


def radial_bins(lengths: Sequence[int]) -> Tensor:
    """Number of the logarithmic bin of distance from zero frequency, for every frequency of a grid."""
    radius = torch.zeros(())
    for i, length in enumerate(lengths):
        frequency = torch.fft.fftfreq(length) * max(lengths)
        radius = radius + frequency.reshape(-1, *(1,) * (len(lengths) - 1 - i)).square()
    raw = (BINS * torch.log2(1 + radius.sqrt())).round().long()
    # Empty bins cost nothing but must not be mistaken for the last one.
    return raw.unique(return_inverse=True)[1]


def smooth_modulations(image: Tensor, per_axis: int = 2) -> Float[Tensor, "k *shape"]:
    """The lowest cosine modulations, of the stimulus (...) and of a constant: what gain control removes first."""
    axes = spatial_axes(image.shape)
    modes = image.new_ones(1, *(1,) * image.ndim)
    for axis in axes:
        length = image.shape[axis]
        place = (torch.arange(length, device=image.device, dtype=image.dtype) + 0.5) / length
        order = torch.arange(min(per_axis, length), device=image.device, dtype=image.dtype)
        waves = torch.cos(math.pi * order[:, None] * place)
        waves = waves.reshape(-1, *(length if a == axis else 1 for a in range(-image.ndim, 0)))
        modes = (modes[:, None] * waves).flatten(0, 1)
    return torch.cat([modes * image, modes.expand(-1, *image.shape)])


def smallest_start(vectors: Vectors, noise: Vectors, precondition: Operator) -> Vectors:
    """Good guesses, and noise that the rough inverse has moved to where the operator is weakest."""
    return torch.cat([vectors, precondition(precondition(noise))])
