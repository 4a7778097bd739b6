"""TIFF files: those of 8 bits are left to Pillow, which reduces, misreads or refuses several kinds of deeper ones."""

import io
import math

import numpy as np
import tifffile
from PIL import Image

from metameric.data._pixels import ORIENTATION, OtherKind, only_frame, pixels, upright

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_COLOURS = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


def decode_tiff(data: bytes) -> np.ndarray:
    """Decode a TIFF file into (height, width) or (height, width, channel): grey or RGB, transparency last."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series, page = file.series[0], file.pages.first
        stacked = math.prod(n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS")
        full = sum(not getattr(other, "is_reduced", False) for other in file.pages)  # previews are no frames
        only_frame(max(stacked, full))
        depth = page.bitspersample, page.samplesperpixel, page.sampleformat
        grey16_or_float32 = depth in ((16, 1, tifffile.SAMPLEFORMAT.UINT), (32, 1, tifffile.SAMPLEFORMAT.IEEEFP))
        shallow = page.bitspersample <= 8 and page.sampleformat == tifffile.SAMPLEFORMAT.UINT
        if not (shallow or grey16_or_float32):
            return upright(_deep(page), page.tags.valueof(ORIENTATION, 1))
    with Image.open(io.BytesIO(data)) as picture:
        array = pixels(picture)
        if grey16_or_float32 and page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            array = _inverted(array)  # which Pillow does for up to 8 bits
        return upright(array, picture.getexif().get(ORIENTATION, 1))


def _deep(page: tifffile.TiffPage) -> np.ndarray:
    if page.photometric not in _COLOURS:
        raise OtherKind(
            f"{page.bitspersample}-bit colours of kind {tifffile.PHOTOMETRIC(page.photometric).name}; expected grey or "
            "RGB ones. Convert the image."
        )
    if page.dtype is None or page.dtype.itemsize * 8 != page.bitspersample:
        raise OtherKind(f"values of {page.bitspersample} bits; expected 8 or 16. Convert the image.")
    array = page.asarray()
    if page.axes.startswith("S"):  # plane by plane
        array = np.moveaxis(array, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = _inverted(array)
    if page.extrasamples[:1] == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
        raise OtherKind("colours multiplied by their transparency; expected them as they are. Flatten the image.")
    if page.extrasamples[:1] == (tifffile.EXTRASAMPLE.UNASSALPHA,):
        return array
    n_colours = page.samplesperpixel - len(page.extrasamples)
    return array if array.ndim == 2 else array[..., :n_colours]


def _inverted(array: np.ndarray) -> np.ndarray:
    return (1 if np.issubdtype(array.dtype, np.floating) else np.iinfo(array.dtype).max) - array
