"""The table of synthesis classes: every line gets every test of this folder. Add a class by adding lines to CASES."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import metameric as mm
from metameric._solve._stop import Never

QUIET = {"progress": False}


@dataclass(frozen=True)
class Case:
    """One way to run one class.

    `make` constructs the object for a dtype, `setup` sets it up, `run` goes on for a number of iterations, `stimulus`
    names the attribute with the answer. `iterations` is the length of the whole run, `splits` where it is cut in two.
    """

    name: str
    make: Callable[[torch.dtype], Any]
    setup: Callable[[Any], None]
    stimulus: str
    iterations: int = 16
    splits: tuple[int, ...] = (0, 1, 7)
    options: dict[str, Any] = field(default_factory=lambda: {"stop": Never(), "store_progress": 5})

    def new(self, dtype: torch.dtype = torch.float32) -> Any:
        synthesis = self.make(dtype)
        self.setup(synthesis)
        return synthesis

    def run(self, synthesis: Any, iterations: int, **more: Any) -> Any:
        return synthesis.synthesize(max_iter=iterations, **{**self.options, **QUIET, **more})

    def answer(self, synthesis: Any) -> Tensor:
        return getattr(synthesis, self.stimulus)


def images(n: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 8, 8, dtype=torch.float64, generator=generator).to(dtype)


class Squares(nn.Module):
    """A model with a dead point: at zero the gradient vanishes."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x + 0.1 * x.pow(3)


class Scales(nn.Module):
    """Means of rows, then of columns, then pixels: three scales."""

    scales = ("rows", "columns", "pixels")

    def forward(self, x: Tensor, scales: tuple[str, ...] | None = None) -> Tensor:
        parts = {"rows": x.mean(2), "columns": x.mean(3), "pixels": 0.3 * x}
        return torch.cat([parts[scale].flatten(1) for scale in scales or self.scales], 1)


def _coarse_to_fine(how: str) -> Callable[[torch.dtype], Any]:
    return lambda dtype: mm.MetamerCTF(images(2, dtype), Scales(), coarse_to_fine=how)


def fourth_powers(x: Tensor, y: Tensor) -> Tensor:
    return ((x - y) ** 4).flatten(1).mean(1)


def weighed_squares(x: Tensor, y: Tensor) -> Tensor:
    weights = torch.linspace(0.5, 2, x[0].numel(), dtype=x.dtype, device=x.device)
    return ((x - y) ** 2).flatten(1) @ weights


def _mad(**options: Any) -> Callable[[torch.dtype], Any]:
    return lambda dtype: mm.MADCompetition(images(2, dtype) / 2 + 0.2, fourth_powers, weighed_squares, "max", **options)


def _mad_set(dtype: torch.dtype) -> Any:
    return mm.MADSet(images(1, dtype) / 2 + 0.2, [fourth_powers, weighed_squares])


def _metamer(dtype: torch.dtype) -> mm.Metamer:
    return mm.Metamer(images(1, dtype), mm.remove_grad(mm.models.Gaussian((5, 5)).to(dtype)))


def _three(dtype: torch.dtype) -> mm.Metamer:
    return mm.Metamer(images(3, dtype), Squares())


def _one_near_one_far_one_stuck(synthesis: mm.Metamer) -> None:
    target = synthesis.image
    noise = images(3, target.dtype, seed=1).to(target.device)
    start = torch.stack([target[0] + 0.01 * noise[0], noise[1], torch.zeros_like(noise[2])])
    synthesis.setup(start)


def _with(**options: Any) -> Callable[[Any], None]:
    return lambda synthesis: synthesis.setup(seed=3, **options)


ADAM = {"optimizer": torch.optim.Adam, "optimizer_kwargs": {"lr": 0.05, "amsgrad": True}}
STEP = {"scheduler": torch.optim.lr_scheduler.StepLR, "scheduler_kwargs": {"step_size": 4, "gamma": 0.7}}
PLATEAU = {
    "scheduler": torch.optim.lr_scheduler.ReduceLROnPlateau,
    "scheduler_kwargs": {"patience": 1, "threshold": 0.2},
}
TORCH_LBFGS = {
    "optimizer": torch.optim.LBFGS,
    "optimizer_kwargs": {"max_iter": 3, "history_size": 5, "line_search_fn": "strong_wolfe"},
}

STAGES = {"stop": Never(), "store_progress": 5, "change_scale_criterion": 0.05, "ctf_iters_to_check": 2}

CASES = [
    Case("Metamer-LBFGS", _metamer, _with(), "metamer"),
    Case("Metamer-Adam", _metamer, _with(**ADAM), "metamer"),
    Case("Metamer-Adam-StepLR", _metamer, _with(**ADAM, **STEP), "metamer"),
    Case("Metamer-Adam-ReduceLROnPlateau", _metamer, _with(**ADAM, **PLATEAU), "metamer"),
    Case("Metamer-torch-LBFGS", _metamer, _with(**TORCH_LBFGS), "metamer"),
    Case("Metamer-three-seeds", _metamer, lambda s: s.setup(seed=[5, 1, 9]), "metamer"),
    Case(
        "Metamer-three-that-end-apart",
        _three,
        _one_near_one_far_one_stuck,
        "metamer",
        options={"tolerance": 1e-3, "store_progress": 5},
        splits=(1, 5, 9, 12),
    ),
    Case("MetamerCTF-LBFGS", _coarse_to_fine("together"), _with(), "metamer", options=STAGES),
    Case("MetamerCTF-Adam-StepLR", _coarse_to_fine("separate"), _with(**ADAM, **STEP), "metamer", options=STAGES),
    Case("MADCompetition-held", _mad(), _with(initial_noise=0.1), "mad_image"),
    Case("MADCompetition-weighed", _mad(metric_tradeoff_lambda=0.3), _with(initial_noise=0.1, **ADAM), "mad_image"),
    Case("MADSet", _mad_set, _with(initial_noise=0.1), "stimulus"),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def cases() -> dict[str, Case]:
    return {case.name: case for case in CASES}


@pytest.fixture
def identical() -> Callable[[Any, Any], None]:
    """A check that two syntheses hold the same, bit for bit."""
    return assert_identical


def assert_identical(a: Any, b: Any) -> None:
    assert a.run.iteration == b.run.iteration
    assert torch.equal(a.run.codes, b.run.codes)
    assert torch.equal(a.run.x, b.run.x)
    assert torch.equal(a.run.point.gradient, b.run.point.gradient)
    assert a.run.trace.names == b.run.trace.names
    for name in a.run.trace.names:
        assert torch.equal(a.run.trace[name], b.run.trace[name]), name
    assert torch.equal(a.run.counts, b.run.counts)
    assert torch.equal(a._saved, b._saved)
    assert a._seeds == b._seeds
