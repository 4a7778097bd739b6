"""What is known beforehand of operators on images: a rough inverse in the Fourier domain, and where to start.

Models of vision treat all places nearly alike, so that sinusoids nearly diagonalise their Fisher information; and
they are nearly blind to changes of overall brightness and contrast: to smooth modulations of the image itself.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from metameric._solve._eigen import Operator, Vectors

# Floor of the spectrum over the tolerance, both relative to the peak. A lower one would trust the noise of the
# estimate; a higher one would leave the tail of the spectrum to the slow part of the method.
FLOOR = 20
# Relative to the mean; and the neighbours over which the local gain is averaged.
LEAST_GAIN, WINDOW = 0.03, 9
# Bins of the radial average per octave of spatial frequency.
BINS = 6


class RoughInverse:
    """Inverse of ``G H G``, a gain G at every place and a diagonal H in the Fourier domain, fitted to random probes.

    Parameters
    ----------
    to_images, from_images
        From vectors (k, n) to stimuli (k, ...), and the adjoint.
    probes, responses
        Random vectors (k, n) with independent entries, and the operator applied to them.
    tolerance
        Residual, relative to the largest eigenvalue, below which nothing needs to be told apart.
    """

    def __init__(
        self,
        to_images: Callable[[Vectors], Tensor],
        from_images: Callable[[Tensor], Vectors],
        probes: Vectors,
        responses: Vectors,
        tolerance: float,
    ) -> None:
        self.to_images, self.from_images = to_images, from_images
        sent, received = to_images(probes), to_images(responses)
        self.axes = spatial_axes(sent.shape[1:])
        # The mean of z * F z over random z is the diagonal of F.
        local = _smooth((sent * received).mean(0), self.axes)
        gain = local.clamp(min=LEAST_GAIN * float(local.mean().clamp(min=0))).sqrt()
        self.gain = gain / gain.square().mean().sqrt() if bool(gain.any()) else torch.ones_like(gain)
        spectrum = self._diagonal(self._transform(sent * self.gain), self._transform(received / self.gain))
        floor = FLOOR * tolerance * spectrum.max()
        self.inverse = 1 / (spectrum + torch.where(floor > 0, floor, 1.0))

    def __call__(self, vectors: Vectors) -> Vectors:
        """Apply the rough inverse to vectors (k, n)."""
        spectrum = self._transform(self.to_images(vectors) / self.gain) * self.inverse
        images = torch.fft.ifftn(spectrum, dim=self.axes).real.to(vectors.dtype)
        return self.from_images(images / self.gain)

    def _transform(self, images: Tensor) -> Tensor:
        return torch.fft.fftn(images, dim=self.axes)

    def _diagonal(self, sent: Tensor, received: Tensor) -> Tensor:
        """Ratio of what comes back to what was sent, averaged over probes and over rings of spatial frequency."""
        power = (sent.conj() * received).real.mean(0)
        rings = radial_bins([power.shape[a] for a in self.axes]).to(power.device)
        flat = power.reshape(-1, rings.numel())
        total = flat.new_zeros(flat.shape[0], int(rings.max()) + 1).index_add_(1, rings.reshape(-1), flat)
        mean = (total / torch.bincount(rings.reshape(-1))).clamp(min=0) / sent.abs().square().mean()
        return mean[:, rings.reshape(-1)].reshape(power.shape)


def _smooth(image: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Average twice over `WINDOW` neighbours along some axes, reflecting at the ends."""
    for axis in axes * 2:
        length = image.shape[axis]
        width = min(WINDOW, 2 * ((length - 1) // 2) + 1)
        flat = image.movedim(axis, -1).reshape(1, -1, length)
        padded = functional.pad(flat, (width // 2, width // 2), mode="replicate")
        means = functional.avg_pool1d(padded, width, stride=1)
        image = means.reshape(image.movedim(axis, -1).shape).movedim(-1, axis)
    return image


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
