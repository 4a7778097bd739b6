"""Images, devices, seeds and solvers from words."""

import difflib
import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import InputError, MissingFileError
from metameric.data._bundled import available, image, square
from metameric.data._load import load_images

DTYPES = {"float32": torch.float32, "float64": torch.float64}
MOST_SEEDS = 1_000_000
LAST_SEED = 2**63 - 1
"""Beyond it neither random generators nor columns of tables take whole numbers."""
# Classes of torch.optim that cannot move images: a base class, one for sparse gradients, one for matrices.
_NO_SOLVERS = ("Optimizer", "SparseAdam", "Muon")


def read_image(name: str, size: int | None, color: bool, dtype: str, device: str) -> Tensor:
    """Return a bundled image or a file as (1, channel, height, width)."""
    if dtype not in DTYPES:
        raise InputError(f"--dtype is {dtype!r}; expected {' or '.join(DTYPES)}.")
    path = Path(name)
    if is_bundled(name):
        stimulus = image(name, size=size, as_gray=not color)
    elif path.suffix or path.exists():
        stimulus = load_images([path], as_gray=not color)
        if size is not None:
            stimulus = square(stimulus, size)
    else:
        near = difflib.get_close_matches(name, available(), n=2, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else " `metameric images` lists the bundled ones."
        raise MissingFileError(f"{name!r} is neither a file nor a bundled image.{hint}")
    return stimulus.to(dtype=DTYPES[dtype], device=checked_device(device))


def is_bundled(name: str, folder: Path = Path()) -> bool:
    """Tell whether a name is that of a bundled image: a file, but no folder, of the same name goes first."""
    return name in available() and not (folder / name).is_file()


def local_name(name: object) -> str:
    """Return a name without the folder in which its file or module lies."""
    return Path(str(name)).name


def checked_device(device: str, label: str = "--device") -> torch.device:
    """Return a device that exists here."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"{label} is {device!r}, which cannot be used here: {str(error).splitlines()[0]}") from error
    if found.type == "meta":
        raise InputError(f"{label} is {device!r}, which holds no values; expected cpu, cuda or another real device.")
    return found


def parse_seeds(text: str, label: str = "--seeds") -> list[int]:
    """Read ``3``, ``0-7`` or ``0,2,5``."""
    seeds: list[int] = []
    shown = repr(text if len(text) <= 80 else f"{text[:77]}...")
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            given = range(int(first), int(last) + 1) if dash else [int(first)]
            if len(given) > MOST_SEEDS:
                raise InputError(f"{label} is {shown}, {len(given)} numbers; expected at most {MOST_SEEDS}.")
            if given and given[-1] > LAST_SEED:
                raise InputError(f"{label} is {shown}; expected whole numbers up to 2**63 - 1.")
            seeds += given
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        seeds = []
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"{label} is {shown}; expected distinct whole numbers such as 3, 0-7 or 0,2,5.")
    return seeds


def solver_options(name: str, label: str = "--solver") -> dict[str, Any]:
    """Return the keywords of `setup` for a solver's name: lbfgs, or any optimizer of torch.optim."""
    if name.lower() in ("lbfgs", "auto"):
        return {}
    known = {n.lower(): n for n, v in vars(torch.optim).items() if inspect.isclass(v) and n not in _NO_SOLVERS}
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"{label} is {name!r}; expected lbfgs or an optimizer of torch.optim, such as adam.{hint}")
    options = {"lr": 0.01} if known[name.lower()] == "Adam" else {}
    return {"optimizer": getattr(torch.optim, known[name.lower()]), "optimizer_kwargs": options}
