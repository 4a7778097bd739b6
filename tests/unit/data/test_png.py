"""PNG files of 16 bits and several channels: every filter, interlacing, damage; Pillow must see the same high bytes."""

import struct
import zlib

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

import metameric as mm
from metameric._core.errors import FileError
from metameric.data._png import COLOUR_TYPE, PASSES, SIGNATURE, chunk, decode_deep, is_deep_colour


def levels(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 65536, shape).astype(np.uint16)


def filtered(pixels: np.ndarray, first_rule: int = 0) -> bytes:
    """Encode rows byte by byte, each row by the next of the five filters."""
    size = 2 * pixels.shape[2]
    rows = [row.astype(">u2").tobytes() for row in pixels]
    lines, above = [], bytes(len(rows[0]))
    for i, row in enumerate(rows):
        rule, line = (first_rule + i) % 5, []
        for k, byte in enumerate(row):
            a, c = (row[k - size], above[k - size]) if k >= size else (0, 0)
            b = above[k]
            guess = a + b - c
            nearest = min((a, b, c), key=lambda v: abs(guess - v))
            line.append((byte - (0, a, b, (a + b) // 2, nearest)[rule]) % 256)
        lines.append(bytes([rule, *line]))
        above = row
    return b"".join(lines)


def png(pixels: np.ndarray, stream: bytes, interlaced: bool = False) -> bytes:
    height, width, n = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPE[n], 0, 0, interlaced)
    middle = chunk(b"IDAT", zlib.compress(stream))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"tEXt", b"a\0b") + middle + chunk(b"IEND", b"")


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("size", [(11, 7), (1, 5), (6, 1)])
def test_every_filter(n, size):
    pixels = levels(*size, n)
    for first_rule in range(5):
        data = png(pixels, filtered(pixels, first_rule))
        assert is_deep_colour(data)
        np.testing.assert_array_equal(decode_deep(data), pixels)
        if n > 2:
            np.testing.assert_array_equal(imageio.imread(data), pixels >> 8)


@pytest.mark.parametrize("size", [(13, 9), (3, 2), (1, 1)])
def test_interlaced(size):
    pixels = levels(*size, 3)
    parts = [pixels[top::down, left::right] for top, left, down, right in PASSES]
    data = png(pixels, b"".join(filtered(part, 1) for part in parts if part.size), interlaced=True)
    np.testing.assert_array_equal(decode_deep(data), pixels)
    np.testing.assert_array_equal(imageio.imread(data), pixels >> 8)


@pytest.mark.parametrize("n", [3, 4])
def test_sixteen_bit_colour_comes_back(tmp_path, n):
    pixels = levels(9, 8, n)
    image = torch.from_numpy(pixels / 65535).permute(2, 0, 1)
    mm.io.save_png(tmp_path / "a.png", image, bits=16)
    np.testing.assert_array_equal(decode_deep((tmp_path / "a.png").read_bytes()), pixels)
    expected = image[:3] if n == 3 else image[:3] * image[3] + 1 - image[3]
    found = mm.load_images(tmp_path / "a.png", as_gray=False)
    torch.testing.assert_close(found, expected.float()[None], rtol=0, atol=0 if n == 3 else 1e-7)


@pytest.mark.parametrize("bits", [8, 16])
def test_other_files_are_left_to_the_usual_reader(tmp_path, bits):
    mm.io.save_png(tmp_path / "a.png", torch.rand(4, 4), bits=bits)
    assert not is_deep_colour((tmp_path / "a.png").read_bytes())
    assert not is_deep_colour(b"GIF89a")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d[:-20], "cut off or damaged in the chunk at byte"),
        (lambda d: d[:-12], "cut off: the end mark is missing"),
        (lambda d: d[:60] + bytes([d[60] ^ 1]) + d[61:], "cut off or damaged in the chunk"),
        (lambda d: d.replace(d[-40:-12], b""), "cut off or damaged in the chunk"),
    ],
)
def test_damage(tmp_path, damage, message):
    pixels = levels(5, 5, 3)
    (tmp_path / "a.png").write_bytes(damage(png(pixels, filtered(pixels))))
    with pytest.raises(FileError, match=message):
        mm.load_images(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("stream", "message"),
    [(b"\0" * 10, "10 bytes of pixels, too few for 5 x 5"), (b"\7" * 155, "unknown filter 7")],
)
def test_bad_pixels(stream, message):
    with pytest.raises(ValueError, match=message):
        decode_deep(png(levels(5, 5, 3), stream))


def test_pixels_that_do_not_unpack():
    pixels = levels(5, 5, 3)
    whole = png(pixels, filtered(pixels))
    start = whole.index(b"IDAT") - 4
    (length,) = struct.unpack(">I", whole[start : start + 4])
    broken = whole[:start] + chunk(b"IDAT", b"\1" * length) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="damaged pixels"):
        decode_deep(broken)
