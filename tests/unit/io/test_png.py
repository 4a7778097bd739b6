"""PNG files hold exactly the rounded levels, read back by independent decoders."""

import struct
import zlib

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from metameric.io import save_png
from metameric.io._png import encode_drawing


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_eight_bits_come_back(tmp_path, channels, rng):
    image = torch.rand(channels, 5, 7, generator=rng)
    save_png(tmp_path / "a.png", image)
    expected = torch.floor(image.double() * 255 + 0.5).numpy().astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(iio.imread(tmp_path / "a.png").reshape(5, 7, channels), expected)


def test_sixteen_bit_grey_comes_back_through_pillow(tmp_path, rng):
    image = torch.rand(6, 9, generator=rng, dtype=torch.float64)
    save_png(tmp_path / "a.png", image, bits=16)
    read = iio.imread(tmp_path / "a.png")
    np.testing.assert_array_equal(read.astype(np.int64), np.floor(image.numpy() * 65535 + 0.5).astype(np.int64))


def _decode(data: bytes, channels: int) -> np.ndarray:
    """Undo filter 2 row by row, which is another way than the encoder's."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, stream, size = 8, b"", (0, 0)
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (crc,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        assert crc == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        stream += body if kind == b"IDAT" else b""
        position += 12 + length
    width, height = size
    raw = np.frombuffer(zlib.decompress(stream), np.uint8).reshape(height, 1 + 2 * width * channels)
    assert (raw[:, 0] == 2).all()
    rows = [raw[0, 1:]]
    for row in raw[1:, 1:]:
        rows.append(row + rows[-1])
    return np.stack(rows).view(">u2").reshape(height, width, channels)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_holds_every_level(tmp_path, channels, rng):
    image = torch.rand(channels, 4, 6, generator=rng, dtype=torch.float64)
    save_png(tmp_path / "a.png", image, bits=16)
    expected = np.floor(image.numpy() * 65535 + 0.5).transpose(1, 2, 0)
    np.testing.assert_array_equal(_decode((tmp_path / "a.png").read_bytes(), channels), expected)
    # Pillow reads such a file in its high bytes: the picture must be the same one.
    seen = iio.imread(tmp_path / "a.png").astype(float)
    assert np.abs(seen - image.numpy().transpose(1, 2, 0) * 255).max() <= 1


def test_smooth_pictures_are_the_same_at_both_depths(tmp_path):
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 32), indexing="ij")
    image = torch.stack([x, y, x * y])
    for bits in (8, 16):
        save_png(tmp_path / f"{bits}.png", image, bits)
    a, b = (iio.imread(tmp_path / f"{bits}.png").astype(float) for bits in (8, 16))
    assert structural_similarity(a, b, channel_axis=2, data_range=255) > 0.999


@pytest.mark.parametrize("channels", [3, 4])
def test_drawings_come_back_with_their_resolution(channels, rng):
    pixels = torch.randint(256, (5, 7, channels), generator=rng, dtype=torch.uint8).numpy()
    encoded = encode_drawing(pixels, dpi=200)
    np.testing.assert_array_equal(iio.imread(encoded), pixels)
    assert iio.immeta(encoded)["dpi"] == pytest.approx((200, 200), abs=0.02)


@pytest.mark.parametrize(
    ("image", "bits", "message"),
    [
        (torch.zeros(2, 4, 4), 8, "1, 3 or 4 channels"),
        (torch.zeros(1, 1, 4, 4), 8, "one by one"),
        (torch.zeros(4, 4), 12, "expected 8 or 16"),
        (torch.full((4, 4), 1.5), 8, r"expected \[0, 1\]"),
        (torch.full((4, 4), float("nan")), 16, r"expected \[0, 1\]"),
    ],
)
def test_what_is_no_image_is_refused_and_the_old_file_kept(tmp_path, image, bits, message):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        save_png(path, image, bits)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
