"""Shared set-up: torchvision beside a CPU build of torch, seeds, and where reference data lies."""

import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch

import torchvision_schemas

torchvision_schemas.declare()

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
