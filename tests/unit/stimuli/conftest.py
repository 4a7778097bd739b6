"""A folder with models of one's own: some fail on purpose."""

import os
import textwrap
from pathlib import Path

import pytest

from metameric.stimuli import Specification

MODELS = """
import os, signal, time
import torch

def blur(x):
    return torch.nn.functional.avg_pool2d(x, 4)

def fails_on_bright(x):
    if float(x.detach().mean()) > 0.9:
        raise RuntimeError("too bright")
    return torch.nn.functional.avg_pool2d(x, 4)

class Once:
    '''Fails, or dies, until a file is there.'''
    def __init__(self, flag, die=False):
        self.flag, self.die = flag, die
    def __call__(self, x):
        if x.requires_grad and not os.path.exists(self.flag):
            open(self.flag, "w").close()
            if self.die:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("for once")
        return torch.nn.functional.avg_pool2d(x, 4)

class Deadly:
    '''Takes its process with it, as running out of memory does, on one image.'''
    def __call__(self, x):
        if x.requires_grad and float(x.detach().mean()) > 0.9:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.nn.functional.avg_pool2d(x, 4)

class Slow:
    def __init__(self, seconds=0.05):
        self.seconds = seconds
    def __call__(self, x):
        if x.requires_grad:
            time.sleep(self.seconds)
        return torch.nn.functional.avg_pool2d(x, 4)
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    """The file of the models above."""
    file = tmp_path / "own_models.py"
    file.write_text(textwrap.dedent(MODELS))
    return os.fspath(file)


@pytest.fixture
def small(models: str) -> Specification:
    return Specification(
        images=["camera", "coffee"],
        models=[f"{models}:blur"],
        methods=["metamer", {"method": "mad", "minmax": "max", "max_iter": 5}, "eigendistortions"],
        seeds=[0, 1],
        size=16,
    )
