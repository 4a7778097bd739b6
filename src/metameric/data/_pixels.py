"""What Pillow read, as the pixels of the image: palettes, other colour models, transparency, orientation."""

from typing import Any

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
"""EXIF tag: how a picture is to be turned before it is shown, 1 to 8."""

# Pillow's mode -> the one that holds its pixels as grey or RGB, with or without transparency.
_MODES = {
    **dict.fromkeys(["1", "L", "LA", "RGB", "RGBA", "F", "I;16", "I;16B", "I;16L", "I;16N"]),
    **dict.fromkeys(["P", "PA", "RGBa"], "RGBA"),
    **dict.fromkeys(["RGBX", "CMYK", "YCbCr"], "RGB"),
    "La": "LA",
}


class OtherKind(Exception):
    """What a file holds that is no image of the kind we take, and what was expected."""


def only_frame(n: int) -> None:
    """Refuse films."""
    if n > 1:
        raise OtherKind(f"{n} frames; expected one image. Save the frames of a film one by one.")


def pixels(picture: Image.Image) -> np.ndarray:
    """Return the pixels of an image, (height, width) or (height, width, channel): grey or RGB, transparency last."""
    if picture.mode not in _MODES:
        raise OtherKind(f"pixels of mode {picture.mode}; expected grey or RGB ones of 8 or 16 bits. Convert the image.")
    other = _MODES[picture.mode]
    return np.asarray(picture if other is None else picture.convert(other))


def with_key(array: np.ndarray, key: Any, bits: int) -> np.ndarray:
    """Add the transparency of an image in which pixels of one colour, of so many bits, are transparent."""
    if array.ndim == 3 and array.shape[-1] in (2, 4):
        return array
    if array.dtype == bool:
        array = array * np.uint8(255)
    if array.ndim == 2:
        array = array[..., None]
    top = np.iinfo(array.dtype).max
    # Fewer than 8 bits are read as 8: the levels of the key are to be stretched as well.
    colour = np.atleast_1d(key) * (top // (2**bits - 1) if bits < 8 else 1)
    return np.concatenate([array, (array != colour).any(-1, keepdims=True) * array.dtype.type(top)], -1)


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror an image as its orientation in the sense of EXIF says."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array[:, ::-1] if orientation in (2, 3, 6, 7) else array
