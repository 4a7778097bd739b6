"""A run elsewhere: on another device or in another precision."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from metameric._solve._loop import Run
from metameric._solve._solver import Solver
from metameric._solve._trace import Trace


def moved_run(run: Run, solver: Solver, *args: Any, **kwargs: Any) -> Run:
    """Return the run elsewhere. What the solver remembers stays behind: it belongs to the old precision and place."""
    there = run.x.to(*args, **kwargs)
    if there.dtype == run.x.dtype and there.device == run.x.device:
        return run

    def move(t: Tensor) -> Tensor:
        return t.to(*args, **kwargs) if t.is_floating_point() or t.is_complex() else t.to(run_device)

    run_device = there.device
    point = replace(
        run.point,
        x=move(run.x),
        total=move(run.point.total),
        parts={k: move(v) for k, v in run.point.parts.items()},
        gradient=move(run.point.gradient),
    )
    columns = {name: [move(v) for v in values] for name, values in run.trace.columns.items()}
    active = torch.arange(run.codes.numel(), device=run_device)
    return Run(
        point,
        Trace(columns, list(run.trace.seconds)),
        move(run.codes),
        run.iteration,
        active,
        solver.start(point),
        {k: move(v) for k, v in run.control.items()},
        move(run.counts),
    )


def moved(value: Any, *args: Any, **kwargs: Any) -> Any:
    """Return tensors and modules elsewhere, also those in lists, tuples and dictionaries; all else as it is."""
    if isinstance(value, nn.Module) or (
        isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())
    ):
        return value.to(*args, **kwargs)
    if isinstance(value, Tensor):
        return value.to(device=torch._C._nn._parse_to(*args, **kwargs)[0])
    if type(value) in (list, tuple):
        return type(value)(moved(item, *args, **kwargs) for item in value)
    if type(value) is dict:
        return {key: moved(item, *args, **kwargs) for key, item in value.items()}
    return value
