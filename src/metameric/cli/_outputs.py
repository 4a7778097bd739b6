"""Files that the commands write."""

import os
from pathlib import Path

from torch import Tensor

from metameric._core.errors import InputError
from metameric.io._png import save_png


def new_folder(path: Path) -> Path:
    """Return a folder that can be written to, made if it is missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path} cannot be made: {error.strerror}.") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"--out {path} cannot be written to.")
    return path


def write_stimuli(folder: Path, name: str, stimuli: Tensor, labels: list[int]) -> None:
    """Write each image of a batch as 8-bit and 16-bit PNG; the labels tell several apart."""
    if stimuli.ndim != 4 or stimuli.shape[1] not in (1, 3):
        return  # not pictures: the tensors are in the archive
    for label, stimulus in zip(labels, stimuli.detach().clamp(0, 1), strict=True):
        stem = name if len(labels) == 1 else f"{name}-seed{label}"
        save_png(folder / f"{stem}.png", stimulus, bits=8)
        save_png(folder / f"{stem}-16bit.png", stimulus, bits=16)
