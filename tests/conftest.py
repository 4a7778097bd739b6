"""Shared set-up: torchvision's missing operator schemas, seeds, and where reference data lies."""

import contextlib
import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch

# torchvision may be a CUDA build beside a CPU torch; its import needs these schemas to exist.
_schemas = []
for _schema in (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
):
    with contextlib.suppress(RuntimeError):
        _library = torch.library.Library("torchvision", "FRAGMENT")
        _library.define(_schema)
        _schemas.append(_library)

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The folder of reference statistics; tests that need it are skipped, loudly, where it is missing."""
    if not REFERENCE.is_dir():
        pytest.skip(f"REFERENCE DATA MISSING: {REFERENCE} is not there, parity with MATLAB is NOT tested")
    return REFERENCE


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
