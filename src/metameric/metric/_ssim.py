"""Structural similarity, at one scale and at several."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.linear import constants
from metameric._core.replay import Replays, replayed
from metameric._core.types import Number
from metameric.metric._per_image import per_image
from metameric.metric._similarity import BOTH, STRUCTURE, WEIGHTED, mean_similarities
from metameric.process._image_pairs import matched_images, warn_outside_unit_range
from metameric.process._power import positive_product
from metameric.process._ssim import warn_small_images

Images = Float[Tensor, "_ _ height width"]
PerPlane = Float[Tensor, "batch channel"]

# Wang, Simoncelli & Bovik (2003), from the finest to the coarsest scale.
POWER_FACTORS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_replays = Replays()


@per_image
def ssim(img1: Images, img2: Images, weighted: bool = False, pad: str | bool = False) -> PerPlane:
    """Structural similarity index (SSIM): the mean of `metameric.process.ssim_map`.

    A similarity: 1 for equal images, 0 for unrelated ones, down to -1. `as_distance` turns it into a distance.

    Parameters
    ----------
    img1, img2
        Shape (batch, channel, height, width), values in [0, 1]; batch and channel equal, or one in one of them.
    weighted
        Weight each window by the information in it, log((1 + s1^2/C2) (1 + s2^2/C2)).
    pad
        ``"constant"`` (zeros), ``"reflect"``, ``"replicate"`` or ``"circular"``: continue the images over their edges,
        so that each pixel has a window. By default windows stay inside.

    Returns
    -------
    (batch, channel), one value for each pair of planes.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match, or `pad` is unknown.
    TypeError
        If an image is not of floats.

    Warns
    -----
    UserWarning
        If values are outside [0, 1], or an image is smaller than the window of 11 x 11, which then shrinks.

    Notes
    -----
    Wang, Bovik, Sheikh & Simoncelli (2004), IEEE Trans. Image Processing 13(4); the weight is that of Wang &
    Simoncelli (2008), Journal of Vision 8(12).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> grey = torch.full((1, 1, 32, 32), 0.2)
    >>> mm.metric.ssim(grey, grey + 0.3)
    tensor([[0.6898]])
    """
    img1, img2 = matched_images(img1, img2, "ssim")
    warn_outside_unit_range("ssim", img1, img2)
    warn_small_images("ssim", img1)
    return mean_similarities(img1, img2, (WEIGHTED if weighted else BOTH,), pad)[0]


@per_image
def ms_ssim(
    img1: Images, img2: Images, power_factors: Float[Tensor, " scales"] | Sequence[Number] | None = None
) -> PerPlane:
    """Multi-scale structural similarity (MS-SSIM).

    .. math:: \\left(\\overline{l_M c_M}\\right)^{a_M} \\prod_{s<M} \\left(\\overline{c_s}\\right)^{a_s}

    with means of the luminance map l and the contrast-structure map c of SSIM, on images halved by averaging 2 x 2
    pixels from scale to scale. 1 for equal images; 0 as soon as one of the means is negative.

    Parameters
    ----------
    img1, img2
        Shape (batch, channel, height, width), values in [0, 1]; batch and channel equal, or one in one of them.
    power_factors
        Exponents a, not negative, from the finest to the coarsest scale; their number is the number of scales. By
        default the five of the paper.

    Returns
    -------
    (batch, channel), one value for each pair of planes.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match, or the images vanish at the coarsest scale.
    TypeError
        If an image is not of floats.

    Warns
    -----
    UserWarning
        If values are outside [0, 1], or images have fewer than 11 pixels at the coarsest scale (176 for five scales).

    Notes
    -----
    Wang, Simoncelli & Bovik (2003), Asilomar Conference on Signals, Systems & Computers. The last row or column of an
    odd size is averaged with itself. A negative mean has a gradient of 0.

    Examples
    --------
    >>> import torch, metameric as mm
    >>> grey = torch.full((1, 1, 256, 256), 0.2)
    >>> mm.metric.ms_ssim(grey, grey + 0.3)
    tensor([[0.9517]])
    """
    img1, img2 = matched_images(img1, img2, "ms_ssim")
    powers = _exponents(power_factors)
    warn_outside_unit_range("ms_ssim", img1, img2)
    warn_small_images("ms_ssim", img1, len(powers))
    value: Tensor = replayed(_replays, powers, lambda a, b: _over_scales(a, b, powers), [img1, img2])
    return value


def _over_scales(img1: Tensor, img2: Tensor, powers: tuple[float, ...]) -> Tensor:
    means = mean_similarities(img1, img2, (STRUCTURE,) * (len(powers) - 1) + (BOTH,))
    return positive_product(means, _column(powers, img1.dtype, img1.device))


@lru_cache(maxsize=64)
def _column(powers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with constants():
        return torch.tensor(powers, dtype=dtype, device=device).view(-1, 1, 1)


def _exponents(power_factors: Tensor | Sequence[Number] | None) -> tuple[float, ...]:
    if power_factors is None:
        return POWER_FACTORS
    powers = tuple(float(p) for p in power_factors)
    if not powers or any(not p >= 0 for p in powers):
        raise InputError(f"power_factors are {list(powers)}; expected one exponent for each scale, zero or more.")
    return powers
