"""The photographs and test images that scikit-image's wheel carries, under its names. Nothing is downloaded."""

import difflib

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from metameric._core.errors import InputError, NearestNameError
from metameric._core.types import Image
from metameric.data._load import _to_rgb, to_tensor

NAMES = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "colorwheel",
    "grass",
    "gravel",
    "horse",
    "hubble_deep_field",
    "immunohistochemistry",
    "microaneurysms",
    "moon",
    "page",
    "retina",
    "rocket",
    "shepp_logan_phantom",
    "text",
)


def available() -> tuple[str, ...]:
    """List the names that `image` takes.

    Examples
    --------
    >>> import metameric as mm
    >>> "camera" in mm.data.available()
    True
    """
    return NAMES


def image(name: str, size: int | None = None, as_gray: bool = True) -> Float[Tensor, "1 channel height width"]:
    """Return one of the images bundled with scikit-image, (1, channel, height, width), float32 in [0, 1].

    Parameters
    ----------
    name
        One of `available`. Each is also a function of `metameric.data`, such as ``metameric.data.camera()``.
    size
        Side in pixels: the central square is resized to it, with anti-aliasing. By default the whole image.
    as_gray
        One channel (Rec. 709 luminance) instead of three.

    Raises
    ------
    KeyError, ValueError
        If there is no image of that name (one error that is both), or the size is not positive.

    Examples
    --------
    >>> import metameric as mm
    >>> mm.data.image("astronaut", size=64, as_gray=False).shape
    torch.Size([1, 3, 64, 64])
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are: {', '.join(NAMES)}."
        raise NearestNameError(f"there is no bundled image {name!r}. {hint}")
    from skimage import data

    picture = to_tensor(_to_rgb(name, getattr(data, name)()), as_gray)
    return picture if size is None else square(picture, size)


def square(picture: Image, size: int) -> Float[Tensor, "batch channel side side"]:
    """Return the central square, resized to so many pixels."""
    if size != int(size) or size < 1:
        raise InputError(f"size is {size}; expected a positive number of pixels.")
    size = int(size)
    height, width = picture.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[..., top : top + side, left : left + side]
    return F.interpolate(middle, (size, size), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
