"""From the bytes of a file to the pixels of the one image in it."""

import io
import re

import numpy as np
from PIL import Image

from metameric.data._pixels import ORIENTATION, only_frame, pixels, upright, with_key
from metameric.data._png import SIGNATURE, decode_deep, is_deep_colour
from metameric.data._tiff import SIGNATURES, decode_tiff

# Kinds of file whose further frames are previews or layers of the first.
_ONE_PICTURE = ("MPO", "PSD")

_NETPBM = re.compile(rb"P([56])" + 3 * rb"(?:\s+(?:#[^\n]*\n\s*)*)(\d+)" + rb"\s")


def decode(data: bytes) -> np.ndarray:
    """Decode an image into (height, width) or (height, width, channel): grey or RGB, transparency last.

    Integers are relative to the largest one of their type, floats to 1.

    Raises
    ------
    OtherKind
        If the file holds a film, or values or colours that have no place among these.
    Exception
        Whatever a decoder says of a file that is damaged or no image.
    """
    if data.startswith(SIGNATURES):
        return decode_tiff(data)
    netpbm = _NETPBM.match(data)
    if netpbm:
        return _decode_netpbm(data, netpbm)
    with Image.open(io.BytesIO(data)) as picture:
        if picture.format not in _ONE_PICTURE:
            only_frame(getattr(picture, "n_frames", 1))
        array = decode_deep(data) if is_deep_colour(data) else pixels(picture)
        key = picture.info.get("transparency")
        if key is not None and picture.mode != "P":
            bits = data[24] if data.startswith(SIGNATURE) and picture.mode != "1" else 8
            array = with_key(array, key, bits)
        return upright(array, picture.getexif().get(ORIENTATION, 1))


def _decode_netpbm(data: bytes, header: re.Match[bytes]) -> np.ndarray:
    """Decode a binary PGM or PPM file, whose largest level is its own; Pillow keeps 8 bits of colours."""
    kind, width, height, top = map(int, header.groups())
    if not 1 <= top <= 65535:
        raise ValueError(f"its largest level is {top}")
    shape = (height, width, 1 if kind == 5 else 3)
    values = np.frombuffer(data, ">u2" if top > 255 else np.uint8, int(np.prod(shape)), header.end())
    return values.reshape(shape) / top
