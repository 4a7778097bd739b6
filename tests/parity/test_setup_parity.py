"""What `setup` makes of an optimizer and its options, against plenoptic."""

import warnings

import pytest
import torch

import metameric as mm

pytest.importorskip("plenoptic", reason="plenoptic IS MISSING: parity with it is NOT tested")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import plenoptic as po

STEPS = {"scheduler": torch.optim.lr_scheduler.StepLR, "scheduler_kwargs": {"step_size": 2, "gamma": 0.5}}


@pytest.mark.parametrize(
    "setup",
    [
        {"optimizer": torch.optim.Adam},
        {"optimizer": torch.optim.SGD, "optimizer_kwargs": {"momentum": 0.5}},
        {"optimizer": torch.optim.LBFGS},
        {"optimizer": torch.optim.LBFGS, "optimizer_kwargs": {"lr": 1, "line_search_fn": "strong_wolfe"}},
        {"optimizer_kwargs": {"amsgrad": False}},
        {"optimizer_kwargs": {"lr": 0.1}},
        STEPS,
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_same_options_take_the_same_steps(setup):
    image, start = mm.data.image("camera", size=16).double(), mm.data.image("coffee", size=16).double()
    ours, theirs = (library.Metamer(image, torch.nn.AvgPool2d(3).eval()) for library in (mm, po))
    ours.setup(start, **setup)
    theirs.setup(start.clone(), **setup)
    ours.synthesize(5, stop_criterion=1e-12, progress=False)
    theirs.synthesize(5)
    torch.testing.assert_close(ours.metamer, theirs.metamer.detach(), rtol=1e-9, atol=1e-9)
