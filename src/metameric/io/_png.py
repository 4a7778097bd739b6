"""Images as PNG files, with 8 or 16 bits per channel."""

import os
import struct
import zlib

import imageio.v3 as iio
import numpy as np
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import convert_float_to_int
from metameric.data._png import COLOUR_TYPE, SIGNATURE, chunk
from metameric.io._atomic import replacing

N_CHANNELS = (1, 3, 4)


def save_png(path: str | os.PathLike[str], image: Tensor, bits: int = 8) -> None:
    """Write an image as a PNG file; a file that is there is replaced at once or, on an error, kept.

    Parameters
    ----------
    path
        File to write.
    image
        Values in [0, 1], (height, width) or (channel, height, width) with 1 (grey), 3 (RGB) or 4 (RGBA) channels.
    bits
        8 or 16 per channel; values are rounded to the nearest of the 256 or 65536 levels.

    Raises
    ------
    ValueError
        If the shape, the values or `bits` do not fit.

    Examples
    --------
    >>> import tempfile, torch, metameric as mm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mm.io.save_png(f"{folder}/grey.png", torch.linspace(0, 1, 64).reshape(8, 8), bits=16)
    """
    if bits not in (8, 16):
        raise InputError(f"bits is {bits!r}; expected 8 or 16.")
    planes = image[None] if image.ndim == 2 else image
    if planes.ndim != 3 or planes.shape[0] not in N_CHANNELS or planes.numel() == 0:
        raise InputError(
            f"image has shape {tuple(image.shape)}; expected (height, width) or (channel, height, width), 1, 3 or 4 "
            "channels. Save the images of a batch one by one."
        )
    levels = convert_float_to_int(planes, np.uint8 if bits == 8 else np.uint16)
    pixels = np.ascontiguousarray(levels.transpose(1, 2, 0))
    encoded = _encode16(pixels) if bits == 16 else _encode8(pixels)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def _encode8(pixels: np.ndarray) -> bytes:
    encoded: bytes = iio.imwrite("<bytes>", pixels.squeeze(2) if pixels.shape[2] == 1 else pixels, extension=".png")
    return encoded


def _encode16(pixels: np.ndarray) -> bytes:
    """Encode (height, width, channel) uint16. Pillow, behind imageio, has no 16-bit colour; the format itself is easy.

    Every row is stored as differences from the row above (filter 2), which smooth images compress best with.
    """
    big_endian = pixels.astype(">u2").reshape(pixels.shape[0], -1).view(np.uint8)
    difference = np.diff(big_endian, axis=0, prepend=np.zeros_like(big_endian[:1]))
    return _file(difference, pixels.shape, bits=16, row_filter=2, level=6)


def encode_drawing(pixels: np.ndarray, dpi: float) -> bytes:
    """Encode (height, width, 3 or 4) uint8 of flat areas and hard edges, as figures are: unfiltered, and fast.

    Pillow tries all filters on each row, which takes three times as long and makes larger files of figures.
    """
    per_metre = round(dpi / 0.0254)
    resolution = (b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    return _file(pixels.reshape(pixels.shape[0], -1), pixels.shape, 8, row_filter=0, level=1, more=(resolution,))


def _file(
    rows: np.ndarray,
    shape: tuple[int, ...],
    bits: int,
    row_filter: int,
    level: int,
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """ISO/IEC 15948: signature, header, one zlib stream of filtered rows, end."""
    scanlines = np.empty((shape[0], rows.shape[1] + 1), np.uint8)
    scanlines[:, 0], scanlines[:, 1:] = row_filter, rows
    header = struct.pack(">IIBBBBB", shape[1], shape[0], bits, COLOUR_TYPE[shape[2]], 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(scanlines.data, level)), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)
