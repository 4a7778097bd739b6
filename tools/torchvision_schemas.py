"""Lets torchvision's CUDA build be imported beside a CPU build of torch; for tests, benchmarks and docs only.

Its import registers rules for operators that its compiled part defines, and that part does not load without CUDA. The
declarations of two operators are all that it wants. Where the builds fit together, they would be made twice: nothing
is declared then.
"""

import importlib.util
from pathlib import Path

import torch

SCHEMA = "{}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_held: list[torch.library.Library] = []


def declare() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` where torchvision needs CUDA and torch has none."""
    if _held or torch.version.cuda is not None or not _wants_cuda():
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(SCHEMA.format(name))
    _held.append(library)


def _wants_cuda() -> bool:
    spec = importlib.util.find_spec("torchvision")
    folders = (spec.submodule_search_locations or []) if spec else []
    return any("+cu" in (Path(folder) / "version.py").read_text().split("\n")[0] for folder in folders)
