"""Distance of normalised Laplacian pyramids."""

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.types import Number
from metameric.metric._per_image import per_image
from metameric.process._image_pairs import matched_images, warn_outside_unit_range
from metameric.process._normalized_laplacian import normalized_laplacian_pyramid
from metameric.process._power import positive_power

Images = Float[Tensor, "_ _ height width"]


@per_image
def nlpd(img1: Images, img2: Images, epsilon: Number = 1e-10) -> Float[Tensor, "batch channel"]:
    """Normalised Laplacian pyramid distance: root mean square over each of six bands, then the mean of the bands.

    Parameters
    ----------
    img1, img2
        Shape (batch, channel, height, width), values in [0, 1], at least 33 x 33 pixels; batch and channel equal, or
        one in one of them.
    epsilon
        Added to the mean square of each band; the root's slope is infinite at zero. Equal images are at a distance of
        sqrt(epsilon).

    Returns
    -------
    (batch, channel), one value for each pair of planes.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match, an image is too small, or `epsilon` is negative.
    TypeError
        If an image is not of floats.

    Warns
    -----
    UserWarning
        If values are outside [0, 1].

    Notes
    -----
    Laparra, Ballé, Berardino & Simoncelli (2016), Electronic Imaging 2016(16). Averaging after the root gives coarse
    bands, which have fewer coefficients, the same weight as fine ones.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> grey = torch.full((1, 1, 64, 64), 0.2)
    >>> mm.metric.nlpd(grey, grey)
    tensor([[1.0000e-05]])
    """
    if not epsilon >= 0:
        raise InputError(f"epsilon is {epsilon}; expected zero or more.")
    # Before broadcasting, so that one reference for a batch is transformed once.
    matched_images(img1, img2, "nlpd")
    warn_outside_unit_range("nlpd", img1, img2)
    bands = zip(*_both(img1, img2), strict=True)
    squares = torch.stack([(a - b).square().mean((-2, -1)) for a, b in bands]) + epsilon
    return positive_power(squares, 0.5).mean(0)


def _both(img1: Tensor, img2: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Transform two batches, small ones in one pass."""
    if img1.requires_grad != img2.requires_grad or img1.numel() > 2**15:
        return normalized_laplacian_pyramid(img1), normalized_laplacian_pyramid(img2)
    n = img1.shape[0] * img1.shape[1]
    planes = torch.cat([image.reshape(-1, *image.shape[-2:]) for image in (img1, img2)])
    bands = normalized_laplacian_pyramid(planes)
    shapes = [(image.shape[0], image.shape[1]) for image in (img1, img2)]
    first = [band[:n].reshape(*shapes[0], *band.shape[-2:]) for band in bands]
    return first, [band[n:].reshape(*shapes[1], *band.shape[-2:]) for band in bands]
