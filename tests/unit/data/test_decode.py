"""Kinds of image file: colour models, depths, transparency, orientation, films."""

import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

import metameric as mm
from metameric._core.errors import FileError
from metameric.data._png import SIGNATURE, chunk

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = np.random.default_rng(1).integers(0, 256, (6, 8), dtype=np.uint8)
DEEP = np.random.default_rng(2).integers(0, 65536, (6, 8, 3), dtype=np.uint16)


def loaded(path):
    """Return the pixels of a file, (height, width, 3)."""
    return mm.load_images(path, as_gray=False)[0].permute(1, 2, 0).numpy()


def same(path, expected):
    expected = np.asarray(expected, np.float32)
    expected = expected[..., None] if expected.ndim == 2 else expected
    np.testing.assert_allclose(loaded(path), np.broadcast_to(expected, (*expected.shape[:2], 3)), atol=1e-7)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "P"])
@pytest.mark.parametrize("name", ["a.tif", "a.jpg"])
def test_colour_models_become_rgb(tmp_path, mode, name):
    if (mode, name) == ("P", "a.jpg"):
        name = "a.gif"
    smooth = mm.data.image("astronaut", 32, as_gray=False)[0].permute(1, 2, 0).mul(255).byte().numpy()
    Image.fromarray(smooth).convert(mode).save(tmp_path / name)
    with Image.open(tmp_path / name) as stored:
        same(tmp_path / name, np.asarray(stored.convert("RGB")) / 255)
    assert abs(loaded(tmp_path / name) - smooth / 255).mean() < 0.06


def test_lab_is_refused(tmp_path):
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    ImageCms.profileToProfile(Image.fromarray(RGB), *profiles, outputMode="LAB").save(tmp_path / "a.tif")
    with pytest.raises(FileError, match=r"a\.tif holds pixels of mode LAB; expected grey or RGB"):
        loaded(tmp_path / "a.tif")


@pytest.mark.parametrize("pixels", [GREY, DEEP[..., 0], np.float32(GREY / 255), GREY / 255])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey_tiff(tmp_path, pixels, photometric):
    top = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    stored = top - pixels if photometric == "miniswhite" else pixels
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric)
    same(tmp_path / "a.tif", pixels / top)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("pixels", [RGB, DEEP])
def test_colour_tiff(tmp_path, planar, pixels):
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    same(tmp_path / "a.tif", pixels / np.iinfo(pixels.dtype).max)


@pytest.mark.parametrize("pixels", [GREY, DEEP[..., 0]])
def test_packed_tiff(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw")
    same(tmp_path / "a.tif", pixels / np.iinfo(pixels.dtype).max)


@pytest.mark.parametrize(("extra", "seen"), [("unassalpha", True), ("unspecified", False)])
def test_fourth_channel_of_a_deep_tiff(tmp_path, extra, seen):
    alpha = DEEP[..., :1]
    stored = np.concatenate([DEEP, alpha], -1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=[extra])
    opaque, weight = DEEP / 65535, alpha / 65535
    same(tmp_path / "a.tif", opaque * weight + 1 - weight if seen else opaque)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"photometric": "rgb", "extrasamples": ["assocalpha"]}, "colours multiplied by their transparency"),
        ({"photometric": "separated"}, "16-bit colours of kind SEPARATED; expected grey or RGB"),
    ],
)
def test_deep_tiffs_that_are_refused(tmp_path, options, message):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8, 4), np.uint16), **options)
    with pytest.raises(FileError, match=rf"a\.tif holds {message}"):
        loaded(tmp_path / "a.tif")


def test_previews_in_a_tiff_are_no_frames(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY)
        writer.write(GREY[::2, ::2], subfiletype=1)
    same(tmp_path / "a.tif", GREY / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "deep.tif", "deep.png"])
def test_orientation(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path, deep = tmp_path / name, RGB.astype(np.uint16) * 257
    if name == "deep.tif":
        tifffile.imwrite(path, deep, photometric="rgb", extratags=[(0x0112, "H", 1, orientation, True)])
    elif name == "deep.png":
        mm.io.save_png(path, torch.from_numpy(deep / 65535).permute(2, 0, 1), bits=16)
        end = chunk(b"IEND", b"")
        path.write_bytes(path.read_bytes().removesuffix(end) + chunk(b"eXIf", exif.tobytes()[6:]) + end)
    else:
        Image.fromarray(RGB).save(path, exif=exif)
    picture = Image.fromarray(RGB)
    picture.getexif()[0x0112] = orientation
    same(path, np.asarray(ImageOps.exif_transpose(picture)) / 255)


@pytest.mark.parametrize("picture", [GREY, RGB, DEEP[..., 0], GREY > 127])
def test_transparent_colour_of_a_png(tmp_path, picture):
    key = picture[2, 3]
    given = int(key) if key.ndim == 0 else tuple(map(int, key))
    Image.fromarray(picture).save(tmp_path / "a.png", transparency=given)
    top = 1 if picture.dtype == bool else np.iinfo(picture.dtype).max
    clear = picture == key if picture.ndim == 2 else (picture == key).all(-1, keepdims=True)
    assert clear.any() and not clear.all()
    same(tmp_path / "a.png", np.where(clear, 1, picture / top))


@pytest.mark.parametrize("bits", [2, 4])
def test_transparent_grey_of_few_bits(tmp_path, bits):
    levels = np.arange(2**bits, dtype=np.uint8)
    packed = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, -bits:])
    header = len(levels).to_bytes(4) + (1).to_bytes(4) + bytes([bits, 0, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"tRNS", b"\0\2"), (b"IDAT", zlib.compress(b"\0" + packed.tobytes())), (b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(SIGNATURE + b"".join(chunk(*part) for part in chunks))
    same(tmp_path / "a.png", np.where(levels == 2, 1, levels / levels[-1])[None])


def test_transparent_colour_of_a_deep_png(tmp_path):
    mm.io.save_png(tmp_path / "a.png", torch.from_numpy(DEEP / 65535).permute(2, 0, 1), bits=16)
    data = (tmp_path / "a.png").read_bytes()
    start = data.index(b"IDAT") - 4
    key = b"".join(int(v).to_bytes(2) for v in DEEP[2, 3])
    (tmp_path / "a.png").write_bytes(data[:start] + chunk(b"tRNS", key) + data[start:])
    same(tmp_path / "a.png", np.where((DEEP[2, 3] == DEEP).all(-1, keepdims=True), 1, DEEP / 65535))


@pytest.mark.parametrize("top", [1, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", [5, 6])
def test_netpbm_levels(tmp_path, top, kind):
    levels = (DEEP if kind == 6 else DEEP[..., 0]).astype(int) % (top + 1)
    header = f"P{kind}\n# drawn by hand\n8 6 # width, height\n{top}\n".encode()
    (tmp_path / "a.pnm").write_bytes(header + levels.astype(">u2" if top > 255 else np.uint8).tobytes())
    same(tmp_path / "a.pnm", levels / top)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P5 8 6 255\n123", "cannot be read as an image"),
        (b"P5 8 6 0\n" + bytes(48), "its largest level is 0"),
        (b"P5 2 1 3\n\1\7", r"values from 0.3333 to 2.333; expected floats in \[0, 1\]"),
    ],
)
def test_damaged_netpbm(tmp_path, data, message):
    (tmp_path / "a.pgm").write_bytes(data)
    with pytest.raises(FileError, match=message):
        loaded(tmp_path / "a.pgm")


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_single_frames_are_images_and_films_are_not(tmp_path, name):
    first, second = Image.fromarray(GREY).convert("P"), Image.fromarray(GREY[::-1].copy()).convert("P")
    options = {"lossless": True} if name == "a.webp" else {}
    first.save(tmp_path / name, **options)
    same(tmp_path / name, GREY / 255)
    first.save(tmp_path / name, save_all=True, append_images=[second], **options)
    with pytest.raises(FileError, match=r"holds 2 frames; expected one image. Save the frames of a film one by one"):
        loaded(tmp_path / name)


def test_pictures_beside_a_photograph_are_left(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.mpo", save_all=True, append_images=[Image.fromarray(GREY[::-1].copy())])
    assert abs(loaded(tmp_path / "a.mpo")[..., 0] - GREY / 255).mean() < 0.2
