"""Maps of local structural similarity."""

import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError
from metameric.process._image_pairs import matched_images, warn_outside_unit_range
from metameric.process._ssim_window import WINDOW_SIZE, Window

C1, C2 = 0.01**2, 0.03**2

Images = Float[Tensor, "_ _ height width"]
Planes = Float[Tensor, "batch channel height width"]
Map = Float[Tensor, "batch channel rows columns"]


def ssim_map(img1: Images, img2: Images) -> Map:
    """Map of the structural similarity index (SSIM) of two images; its mean is `metameric.metric.ssim`.

    .. math::
        \\frac{(2 \\mu_1 \\mu_2 + C_1)(2 \\sigma_{12} + C_2)}
             {(\\mu_1^2 + \\mu_2^2 + C_1)(\\sigma_1^2 + \\sigma_2^2 + C_2)}, \\quad C_1 = 0.01^2, C_2 = 0.03^2

    with moments in a Gaussian window of 11 x 11 pixels and a standard deviation of 1.5.

    Parameters
    ----------
    img1, img2
        Shape (batch, channel, height, width), values in [0, 1]; batch and channel equal, or one in one of them. Every
        channel is compared on its own.

    Returns
    -------
    Shape (batch, channel, height - 10, width - 10), values in [-1, 1]; 1 where the images are equal.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices do not match.
    TypeError
        If an image is not of floats.

    Warns
    -----
    UserWarning
        If values are outside [0, 1], or an image is smaller than the window, which then shrinks.

    Notes
    -----
    Wang, Z., Bovik, A. C., Sheikh, H. R. & Simoncelli, E. P. (2004). IEEE Trans. Image Processing 13(4).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> image = torch.rand(1, 1, 32, 32)
    >>> mm.process.ssim_map(image, image).shape
    torch.Size([1, 1, 22, 22])
    """
    img1, img2 = matched_images(img1, img2, "ssim_map")
    warn_outside_unit_range("ssim_map", img1, img2)
    warn_small_images("ssim_map", img1)
    luminance, structure, _ = similarity_maps(img1, img2)
    return luminance * structure


def similarity_maps(
    img1: Planes, img2: Planes, *, weighted: bool = False, pad_mode: str | bool = False
) -> tuple[Map, Map, Map | None]:
    """Return the luminance map, the contrast-structure map and, if `weighted`, the weight of Wang & Simoncelli (2008).

    Moments are taken about the mean of each image, which keeps float32 from cancelling.
    """
    window = Window.of(img1, pad_mode)
    img1, img2 = window.pad(img1), window.pad(img2)
    centre1, centre2 = (image.detach().mean((-2, -1), keepdim=True) for image in (img1, img2))
    img1, img2 = img1 - centre1, img2 - centre2
    square1, square2, product = img1.square(), img2.square(), img1 * img2
    if weighted:
        mean1, mean2, power1, power2, joint = window.means(img1, img2, square1, square2, product)
        var1, var2 = power1 - mean1.square(), power2 - mean2.square()
        weight = torch.log((1 + var1 / C2) * (1 + var2 / C2))
        variances = var1 + var2
    else:
        mean1, mean2, power, joint = window.means(img1, img2, square1 + square2, product)
        weight, variances = None, power - (mean1.square() + mean2.square())
    structure = (2 * (joint - mean1 * mean2) + C2) / (variances + C2)
    mean1, mean2 = mean1 + centre1, mean2 + centre2
    luminance = (2 * mean1 * mean2 + C1) / (mean1.square() + mean2.square() + C1)
    return luminance, structure, weight


def warn_small_images(name: str, image: Tensor, n_scales: int = 1) -> None:
    """Refuse images that vanish at the coarsest scale, and warn of those smaller than the window there."""
    shrunk = 2 ** (n_scales - 1)
    smallest = -(-min(image.shape[-2:]) // shrunk)
    if smallest < 2:
        raise InputError(
            f"{name}: images of {image.shape[-2]} x {image.shape[-1]} pixels are too small for {n_scales} scales; "
            f"expected at least {shrunk + 1} pixels in height and width, better {WINDOW_SIZE * shrunk}."
        )
    if smallest < WINDOW_SIZE:
        warnings.warn(
            f"{name}: images of {image.shape[-2]} x {image.shape[-1]} pixels have {smallest} at the coarsest of "
            f"{n_scales} scales, less than the window of {WINDOW_SIZE}; the window shrinks there.",
            UserWarning,
            stacklevel=3,
        )
