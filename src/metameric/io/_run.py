"""A run <-> nested plain values and tensors."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import FileError
from metameric._solve._loop import Run
from metameric._solve._observe import Snapshots
from metameric._solve._point import Point
from metameric._solve._solver import Memory, Solver
from metameric._solve._status import Status
from metameric._solve._torch_optim import Engine, TorchOptim
from metameric._solve._trace import Trace
from metameric.io._tree import foreign_names


def run_to_tree(run: Run) -> dict[str, Any]:
    """Return everything in a run; its trace as one tensor per column."""
    point, trace = run.point, run.trace
    return {
        "iteration": run.iteration,
        "codes": run.codes,
        "active": run.active,
        "counts": run.counts,
        "control": run.control,
        "x": point.x,
        "total": point.total,
        "gradient": point.gradient,
        "parts": dict(point.parts),
        "columns": {name: trace[name] for name in trace.names},
        "seconds": torch.tensor(trace.seconds, dtype=torch.float64),
        "memory": memory_to_tree(run.memory),
    }


def run_from_tree(tree: Mapping[str, Any], device: torch.device) -> Run:
    """Return the run on a device, with its memory still as `memory_to_tree` wrote it."""
    here = moved({k: v for k, v in tree.items() if k not in ("memory", "seconds")}, device)
    run = Run(
        point=Point(here["x"], here["total"], here["parts"], here["gradient"]),
        trace=Trace({name: list(c.unbind(0)) for name, c in here["columns"].items()}, tree["seconds"].tolist()),
        codes=here["codes"],
        iteration=here["iteration"],
        active=here["active"],
        memory=tree["memory"],
        control=here["control"],
        counts=here["counts"],
    )
    _check(run)
    return run


def memory_to_tree(memory: Memory) -> Memory:
    """Return what a solver remembers, optimisers of `torch.optim` by their `state_dict`."""
    if "engines" not in memory:
        return memory
    return {"engines": [_engine_to_tree(engine) for engine in memory["engines"]]}


def revived(run: Run, solver: Solver) -> Run:
    """Return a run from `run_from_tree` with its memory as `solver` uses it."""
    if "engines" not in run.memory:
        return replace(run, memory=moved(run.memory, run.x.device))
    if not isinstance(solver, TorchOptim):
        raise FileError(f"the run has optimizers of torch.optim, but its solver is a {type(solver).__name__}.")
    states, stimuli = run.memory["engines"], run.x[run.active]
    return replace(run, memory={"engines": [_engine(solver, stimuli[i : i + 1], s) for i, s in enumerate(states)]})


def snapshots_to_tree(snapshots: Snapshots) -> dict[str, Any]:
    """Return stored stimuli as one tensor."""
    images = torch.stack(snapshots.images) if snapshots.images else torch.empty(0)
    return {"every": snapshots.every, "iterations": snapshots.iterations, "images": images}


def snapshots_from_tree(tree: Mapping[str, Any]) -> Snapshots:
    """Undo `snapshots_to_tree`."""
    if len(tree["images"]) != len(tree["iterations"]):
        raise FileError("the number of stored stimuli is not that of their iterations.")
    return Snapshots(tree["every"], list(tree["images"].unbind(0)), list(tree["iterations"]))


def moved(value: Any, device: torch.device) -> Any:
    """Return a tree with its tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(item, device) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: moved(getattr(value, f.name), device) for f in fields(value) if f.init})
    return value


def _engine_to_tree(engine: Engine | dict[str, Any]) -> dict[str, Any]:
    if isinstance(engine, dict):
        return engine  # loaded, and not revived yet for want of the user's own optimizer
    scheduler = None if engine.scheduler is None else engine.scheduler.state_dict()
    return {"optimizer": engine.optimizer.state_dict(), "scheduler": scheduler}


def _engine(solver: TorchOptim, x: Tensor, state: Mapping[str, Any]) -> Engine:
    engine = solver.start(Point(x, x.new_zeros(1), {}, torch.zeros_like(x)))["engines"][0]
    if state["optimizer"] is not None:
        engine.optimizer.load_state_dict(state["optimizer"])
    if (engine.scheduler is None) != (state["scheduler"] is None):
        raise FileError("the run has a learning-rate scheduler and its solver has none, or the other way round.")
    if engine.scheduler is not None:
        # Functions are not in the file; the scheduler has made its own anew.
        known = {key: value for key, value in state["scheduler"].items() if not foreign_names(value)}
        engine.scheduler.load_state_dict(known)
    return engine


def _check(run: Run) -> None:
    """Refuse a run whose parts do not belong together."""
    batch, points = run.x.shape[0], len(run.trace)
    per_problem = {"total": run.point.total, "status codes": run.codes, "counts": run.counts, **run.point.parts}
    for name, value in {**per_problem, **run.control}.items():
        if value.shape[:1] != (batch,):
            raise FileError(f"the run has {batch} problems, but its {name} has the shape {tuple(value.shape)}.")
    if run.point.gradient.shape != run.x.shape:
        raise FileError(f"the gradient has shape {tuple(run.point.gradient.shape)}, the stimuli {tuple(run.x.shape)}.")
    known = torch.tensor([status.code for status in Status], device=run.codes.device)
    if not bool(torch.isin(run.codes, known).all()):
        raise FileError(f"the status codes {run.codes.tolist()} are not among {known.tolist()}.")
    if run.iteration != points - 1:
        raise FileError(f"the run has taken {run.iteration} steps, but its trace has {points} points.")
    for name in run.trace.names:
        if run.trace[name].shape[:2] != (points, batch):
            raise FileError(f"the trace of {name} has shape {tuple(run.trace[name].shape)}, not {(points, batch)}.")
    distinct = run.active.ndim == 1 and bool((run.active.diff() > 0).all())
    if not distinct or not bool(((run.active >= 0) & (run.active < batch)).all()):
        raise FileError(f"the solver remembers the problems {run.active.tolist()}; expected some of {batch}, in order.")
    remembered = run.memory["engines"] if "engines" in run.memory else run.memory.values()
    sizes = {len(remembered)} if "engines" in run.memory else {len(v) for v in remembered if isinstance(v, Tensor)}
    if sizes - {run.active.numel()}:
        raise FileError(f"the solver's memory is of {sorted(sizes)} problems; expected {run.active.numel()}.")
