"""The images of a set: found by name, read when they are needed, known by their content."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from torch import Tensor

from metameric._core.errors import FileError
from metameric.stimuli._specification import ImageEntry
from metameric.stimuli._words import is_bundled, read_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".webp")


@dataclass(frozen=True)
class ImageSource:
    """Where an image of a set comes from, and in which form it is used."""

    label: str
    name: str
    size: int | None
    color: bool
    dtype: str

    def load(self) -> Tensor:
        """Return the image, (1, channel, height, width), on the CPU."""
        path = Path(self.name)
        return _load(self, path.stat().st_mtime_ns if path.is_file() else 0)

    def content(self) -> str:
        """Return the hash of its pixels."""
        return content_hash(self.load())


# A set's trials come image by image: a few are enough to read each about once.
@lru_cache(maxsize=32)
def _load(source: ImageSource, changed: int) -> Tensor:
    return read_image(source.name, source.size, source.color, source.dtype, "cpu")


def content_hash(tensor: Tensor) -> str:
    """Return the hash of a tensor's shape, type and values."""
    array = np.ascontiguousarray(tensor.detach().cpu().numpy())
    head = f"{array.shape} {array.dtype.str} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def find_images(entry: ImageEntry) -> list[tuple[str, str]]:
    """Return label and name of every image that an entry stands for."""
    path = Path(entry.name)
    if path.is_dir() and not is_bundled(entry.name):
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
        if not files:
            raise FileError(f"{entry.name} holds no images; expected files such as {', '.join(SUFFIXES[:4])}.")
        prefix = "" if entry.label is None else f"{entry.label}-"
        return [(prefix + file.stem, str(file)) for file in files]
    if not path.is_file() and not is_bundled(entry.name):
        read_image(entry.name, 8, False, "float32", "cpu")  # says what is missing, with the nearest names
    return [(entry.label or path.stem, entry.name)]
