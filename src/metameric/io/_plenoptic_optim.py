"""plenoptic's one optimiser for a batch -> metameric's one per problem."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from metameric._solve._torch_optim import TorchOptim
from metameric.io._tree import OPTIM, Foreign, optim_class
from metameric.io._warning import LoadWarning


def saved_solver(content: Mapping[str, Any]) -> TorchOptim:
    """Return the optimiser and scheduler that plenoptic names, with the options that their states tell."""
    name, state = content["_optimizer"]
    group = dict(state.get("param_groups", [{}])[0])
    group["lr"] = group.get("initial_lr", group.get("lr"))
    optimizer, options = _by_name(name or "torch.optim.Adam", group)
    scheduler_name, scheduler_state = content.get("_scheduler", (None, {}))
    if scheduler_name is None:
        return TorchOptim(optimizer, options)
    return TorchOptim(optimizer, options, *_by_name(scheduler_name, scheduler_state))


def _by_name(name: str, state: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Find a class of `torch.optim` and the options with which its state says it was made; else a placeholder."""
    short = name.split(".")[-1]
    for namespace in OPTIM.values():
        kind = optim_class(namespace, short)
        if kind is not None and name.startswith("torch.optim."):
            parameters = list(inspect.signature(kind).parameters.values())[1:]
            # `last_epoch` is an option too, but one that says where to go on, which the state does.
            options = {p.name: state[p.name] for p in parameters if p.name in state and p.name != "last_epoch"}
            needed = [p.name for p in parameters if p.default is p.empty and p.name not in options]
            return (Foreign(name) if needed else kind), options
    return Foreign(name), {}


def saved_memory(content: Mapping[str, Any], x: Tensor) -> dict[str, Any]:
    """Divide the state of one optimiser for the whole batch among one optimiser per problem."""
    name, state = content["_optimizer"]
    _, scheduler = content.get("_scheduler", (None, {}))
    divisible = len(x) == 1 or all(t.ndim == 0 or t.shape == x.shape for t in _tensors(state))
    if not divisible:
        warnings.warn(
            f"the saved {name} took the batch of {len(x)} for one problem; each has an optimizer of its own here, "
            "which begins without memory.",
            LoadWarning,
            stacklevel=2,
        )
    return {
        "engines": [
            {"optimizer": _of_problem(state, i, x.shape) if divisible else None, "scheduler": scheduler or None}
            for i in range(len(x))
        ]
    }


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def _of_problem(value: Any, i: int, shape: torch.Size) -> Any:
    if isinstance(value, Tensor):
        return value[i : i + 1].clone() if value.shape == shape else value.clone()
    if isinstance(value, dict):
        return {key: _of_problem(item, i, shape) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_of_problem(item, i, shape) for item in value)
    return value
