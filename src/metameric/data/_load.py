"""Images from files, in the form that models take."""

import warnings
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import UnidentifiedImageError

from metameric._core.errors import FileError, InputError, MissingFileError
from metameric._core.types import Image
from metameric.data._decode import decode
from metameric.data._pixels import OtherKind

# Rec. 709 luminance, the weights of scikit-image's rgb2gray.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])


def load_images(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    as_gray: bool = True,
    sorted_key: Callable[[Path], Any] | None = None,
) -> Image:
    """Load image files as one batch, (n, channel, height, width), float32 with values in [0, 1].

    Parameters
    ----------
    paths
        One file, several files, or a folder. Of a folder (not of folders inside) every image is loaded, in
        alphabetical order; files that are no images are skipped with a warning.
    as_gray
        One channel: the Rec. 709 luminance of colours. Otherwise three, grey images repeated.
    sorted_key
        For a folder: sort key, a function of the file's `pathlib.Path`.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If a file is no readable image, images differ in size, a folder holds none, floating point values are
        outside [0, 1], or `sorted_key` is given without a folder.

    Notes
    -----
    Integers are divided by the largest value of their type (8 and 16 bit; in PGM and PPM, the largest that the file
    names). Transparent pixels appear on white. Pictures are turned as their EXIF orientation says. CMYK and YCbCr
    become RGB without a colour profile; other colours (Lab) and films are refused.

    Examples
    --------
    >>> import tempfile, numpy as np, imageio.v3 as imageio, metameric as mm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     imageio.imwrite(folder + "/a.png", np.full((4, 6), 255, np.uint8))
    ...     images = mm.load_images(folder)
    >>> images.shape, images.max().item()
    (torch.Size([1, 1, 4, 6]), 1.0)
    """
    if isinstance(paths, (str, PathLike)):
        path = Path(paths)
        if path.is_dir():
            return _stack(_read_folder(path, sorted_key), as_gray)
        files = [path]
    else:
        files = [Path(p) for p in paths]
    if sorted_key is not None:
        raise InputError("sorted_key sorts the files of a folder; files given one by one keep their order.")
    if not files:
        raise InputError("paths is empty; expected an image file, a list of them, or a folder.")
    return _stack([(file, read_image(file)) for file in files], as_gray)


def _read_folder(folder: Path, sorted_key: Callable[[Path], Any] | None) -> list[tuple[Path, np.ndarray]]:
    images = []
    for file in sorted((f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")), key=sorted_key):
        try:
            images.append((file, _decode(file)))
        except _NotAnImage as error:
            warnings.warn(f"{file} is skipped: not a readable image ({error}).", UserWarning, stacklevel=3)
    if not images:
        raise FileError(f"{folder} holds no image files; expected at least one (folders inside are not searched).")
    return [(file, _to_rgb(file, array)) for file, array in images]


class _NotAnImage(Exception):
    """What the decoder had to say."""


def _decode(file: Path) -> np.ndarray:
    try:
        return decode(file.read_bytes())
    except OtherKind as error:
        raise FileError(f"{file} holds {error}") from error
    except UnidentifiedImageError as error:
        raise _NotAnImage("of no kind that is known") from error
    except Exception as error:
        raise _NotAnImage(str(error).strip().splitlines()[0] if str(error) else type(error).__name__) from error


def read_image(file: Path) -> np.ndarray:
    """Read one file as (height, width, 3), float64 in [0, 1]."""
    if not file.exists():
        raise MissingFileError(f"{file} does not exist; expected an image file or a folder of them.")
    if file.is_dir():
        raise FileError(f"{file} is a folder inside a list; give the folder alone, or a list of files.")
    try:
        array = _decode(file)
    except _NotAnImage as error:
        raise FileError(
            f"{file} cannot be read as an image ({error}); expected PNG, JPEG, TIFF or the like."
        ) from error
    return _to_rgb(file, array)


def _to_rgb(name: object, array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4:
        raise FileError(
            f"{name} holds an array of shape {array.shape}; expected one image of 1 to 4 channels, "
            "(height, width) or (height, width, channel)."
        )
    values = to_unit(name, array)
    if values.shape[-1] in (2, 4):
        alpha = values[..., -1:]
        values = values[..., :-1] * alpha + (1 - alpha)
    return np.broadcast_to(values, (*values.shape[:2], 3))


def to_unit(name: object, array: np.ndarray) -> np.ndarray:
    """Convert an image's values to float64 in [0, 1]."""
    if array.dtype == bool:
        return array.astype(np.float64)
    if np.issubdtype(array.dtype, np.unsignedinteger):
        return array / np.float64(np.iinfo(array.dtype).max)
    if not np.issubdtype(array.dtype, np.floating):
        raise FileError(f"{name} holds {array.dtype} values; expected unsigned integers, or floats in [0, 1].")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):
        raise FileError(
            f"{name} holds {array.dtype} values from {low:.4g} to {high:.4g}; expected floats in [0, 1]. "
            "Rescale them before saving."
        )
    return array.astype(np.float64)


def to_tensor(rgb: np.ndarray, as_gray: bool) -> Image:
    """Turn (height, width, 3) into (1, channel, height, width), float32."""
    plane = rgb @ LUMINANCE if as_gray else rgb.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32)).reshape(1, -1, *rgb.shape[:2])


def _stack(images: list[tuple[Path, np.ndarray]], as_gray: bool) -> Image:
    first, rgb = images[0]
    for file, other in images:
        if other.shape != rgb.shape:
            raise InputError(
                f"{file} has {_pixels(other)} pixels but {first} has {_pixels(rgb)}; images of one batch need "
                "the same size. Crop or resize them, or load them one by one."
            )
    return torch.cat([to_tensor(image, as_gray) for _, image in images])


def _pixels(image: np.ndarray) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"
