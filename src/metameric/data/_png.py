"""PNG files with 16 bits per channel (ISO/IEC 15948), which the usual reader reduces to 8 where there is colour."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}
"""Channels (grey; grey, alpha; RGB; RGBA) -> colour type."""

# First row and column, and steps, of the seven passes of an interlaced image (section 8.2).
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def is_deep_colour(data: bytes) -> bool:
    """Tell whether a file is a PNG of 16 bits with more than one channel."""
    return data.startswith(SIGNATURE) and data[12:16] == b"IHDR" and data[24:25] == b"\x10" and data[25:26] in b"\2\4\6"


def decode_deep(data: bytes) -> np.ndarray:
    """Decode a PNG file of 16 bits into (height, width, channel), uint16.

    Raises
    ------
    ValueError
        If the file is damaged or cut off.
    """
    chunks = _chunks(data)
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    n_channels = {kind: n for n, kind in COLOUR_TYPE.items()}[colour]
    try:
        stream = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    except zlib.error as error:
        raise ValueError(f"damaged pixels: {error}") from error
    pixels, start = np.zeros((height, width, n_channels), np.uint16), 0
    for top, left, down, right in PASSES if interlaced else ((0, 0, 1, 1),):
        part = pixels[top::down, left::right]
        length = part.shape[0] * (1 + 2 * n_channels * part.shape[1]) if part.size else 0
        if len(stream) < start + length:
            raise ValueError(f"{len(stream)} bytes of pixels, too few for {height} x {width}")
        if length:
            lines = np.frombuffer(stream, np.uint8, length, start).reshape(part.shape[0], -1)
            part[:] = _unfilter(lines, 2 * n_channels).view(">u2")
        start += length
    return pixels


def chunk(kind: bytes, body: bytes) -> bytes:
    """Encode one chunk: length, kind, body, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], len(SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4].ljust(4, b"\0"))
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        end = position + 12 + length
        if data[position:end] != chunk(kind, body):
            raise ValueError(f"cut off or damaged in the chunk at byte {position}")
        found.append((kind, body))
        if kind == b"IEND":
            return found
        position = end
    raise ValueError("cut off: the end mark is missing")


def _unfilter(lines: np.ndarray, pixel: int) -> np.ndarray:
    """Undo the prediction of each byte from the pixel to the left, above, and above to the left (section 9).

    All pixels of an anti-diagonal depend on earlier ones only: one step for each instead of one for each pixel.
    """
    rules, coded = lines[:, 0], lines[:, 1:].reshape(len(lines), -1, pixel)
    if rules.max() > 4:
        raise ValueError(f"unknown filter {rules.max()}")
    if (rules == 2).all():  # as metameric writes them
        return np.cumsum(coded, axis=0, dtype=np.uint8)
    height, width, _ = coded.shape
    known = np.zeros((height + 1, width + 1, pixel), np.int16)
    for diagonal in range(height + width - 1):
        row = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        column = diagonal - row
        left, above, corner = known[row + 1, column], known[row, column + 1], known[row, column]
        predicted = _predict(rules[row][:, None], left, above, corner)
        known[row + 1, column + 1] = (coded[row, column] + predicted) & 255
    return np.ascontiguousarray(known[1:, 1:].astype(np.uint8))


def _predict(rule: np.ndarray, left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Predict bytes by rule: 0 nothing, 1 left, 2 above, 3 their mean, 4 the nearest to left + above - corner."""
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    nearest = np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
    return np.choose(rule, [np.int16(0), left, above, (left + above) // 2, nearest])
