"""Nested plain values and tensors <-> JSON and named tensors.

What JSON lacks is written as an object with the key ``"$"``: tensors (by name), tuples, NaN and infinities,
dictionaries whose keys are not text, metameric's own records (frozen dataclasses, by name), and classes of
`torch.optim` (by name). Any other callable or object is written as a name alone, and comes back as `Foreign`.
"""

import dataclasses
import importlib
import math
import pkgutil
from typing import Any

import numpy as np
import torch
from torch import Tensor

import metameric._objective
import metameric._solve
import metameric._synthesis
from metameric._core.errors import FileError
from metameric._solve._status import Status

TAG = "$"
OPTIM = {"torch.optim": torch.optim, "torch.optim.lr_scheduler": torch.optim.lr_scheduler}
_BASES = (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
_CONFIGURED = (metameric._objective, metameric._solve, metameric._synthesis)


@dataclasses.dataclass(frozen=True)
class Foreign:
    """Stands for an object that a file can name but not hold, such as a function or a class of the user's."""

    name: str


def full_name(thing: Any) -> str:
    """Return the name of a function or class, or of an object's class, with its module."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


def pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON; its tensors go into `tensors` under names that begin with `path`."""
    if value is None or type(value) in (bool, str, int):
        return value
    if isinstance(value, np.generic):
        return pack(value.item(), path, tensors)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {TAG: "float", "value": str(float(value))}
    if isinstance(value, Tensor):
        return _pack_tensor(value, path, tensors)
    if isinstance(value, list | tuple):
        items = [pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {TAG: "tuple", "items": items}
    if isinstance(value, dict):
        return _pack_dict(value, path, tensors)
    if isinstance(value, Status):
        return {TAG: "status", "code": value.code}
    if isinstance(value, Foreign):
        return {TAG: "foreign", "name": value.name}
    if _is_configuration(type(value)):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        packed = {name: pack(field, f"{path}.{name}", tensors) for name, field in fields.items()}
        return {TAG: "object", "class": type(value).__name__, "file": type(value).__module__, "fields": packed}
    for module, namespace in OPTIM.items():
        name = getattr(value, "__name__", None)
        if name is not None and getattr(namespace, name, None) is value:
            return {TAG: module, "name": name}
    return {TAG: "foreign", "name": full_name(value)}


def unpack(node: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo `pack`."""
    if isinstance(node, list):
        return [unpack(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    kind = node.get(TAG)
    if kind is None:
        return {key: unpack(item, tensors) for key, item in node.items()}
    if kind == "tensor":
        return _unpack_tensor(node, tensors)
    if kind == "float":
        return float(node["value"])
    if kind == "tuple":
        return tuple(unpack(item, tensors) for item in node["items"])
    if kind == "dict":
        return {unpack(key, tensors): unpack(item, tensors) for key, item in node["items"]}
    if kind == "status":
        return Status.from_code(node["code"])
    if kind == "object":
        return _unpack_object(node, tensors)
    if kind in OPTIM:
        return _unpack_optim(OPTIM[kind], node["name"])
    if kind == "foreign":
        return Foreign(node["name"])
    raise FileError(f"a value of the unknown kind {kind!r} was found; expected one that this metameric writes.")


def foreign_names(value: Any) -> list[str]:
    """List the names of everything in a tree that a file could not hold."""
    if isinstance(value, Foreign):
        return [value.name]
    if isinstance(value, dict):
        return [name for item in value.values() for name in foreign_names(item)]
    if isinstance(value, list | tuple):
        return [name for item in value for name in foreign_names(item)]
    if dataclasses.is_dataclass(value):
        return [name for f in dataclasses.fields(value) for name in foreign_names(getattr(value, f.name))]
    return []


def configuration(name: str, file: str) -> type:
    """Return the frozen dataclass of this name of metameric's inner layers: all that a file may construct.

    `file` is the module where it was when the file was written; it may have moved since.
    """
    modules = [f"{p.__name__}.{entry.name}" for p in _CONFIGURED for entry in pkgutil.iter_modules(p.__path__)]
    for module in sorted(modules, key=lambda m: m != file):
        found = getattr(importlib.import_module(module), name, None)
        if isinstance(found, type) and found.__name__ == name and _is_configuration(found):
            return found
    raise FileError(f"a configuration {name!r} was found, which this metameric does not know.")


def _is_configuration(kind: type) -> bool:
    ours = kind.__module__.startswith(tuple(f"{package.__name__}." for package in _CONFIGURED))
    return ours and dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _pack_tensor(tensor: Tensor, path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    node: dict[str, Any] = {TAG: "tensor", "name": path, "device": str(tensor.device)}
    if tensor.ndim and tensor.shape[0] > 1 and tensor.stride(0) == 0:
        node["repeat"] = tensor.shape[0]  # one target for many stimuli is stored once
        tensor = tensor[:1]
    if tensor.is_complex():
        node["complex"] = True
        tensor = torch.view_as_real(tensor.resolve_conj())
    tensors[path] = tensor
    return node


def _unpack_tensor(node: dict[str, Any], tensors: dict[str, Tensor]) -> Tensor:
    tensor = tensors[node["name"]]
    if node.get("complex"):
        tensor = torch.view_as_complex(tensor)
    repeat = node.get("repeat")
    return tensor if repeat is None else tensor.expand(repeat, *tensor.shape[1:])


def _pack_dict(value: dict[Any, Any], path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: pack(item, f"{path}.{key}", tensors) for key, item in value.items()}
    items = [
        [pack(key, f"{path}.{i}.key", tensors), pack(item, f"{path}.{i}", tensors)]
        for i, (key, item) in enumerate(value.items())
    ]
    return {TAG: "dict", "items": items}


def _unpack_object(node: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    kind = configuration(node["class"], node["file"])
    return kind(**{key: unpack(item, tensors) for key, item in node["fields"].items()})


def _unpack_optim(namespace: Any, name: Any) -> type:
    found = optim_class(namespace, str(name))
    if found is None:
        raise FileError(f"{namespace.__name__}.{name} was found, which this torch {torch.__version__} does not have.")
    return found


def optim_class(namespace: Any, name: str) -> type | None:
    """Return the optimiser or scheduler of this name in a namespace of `torch.optim`, if there is one."""
    found = getattr(namespace, name, None)
    return found if isinstance(found, type) and issubclass(found, _BASES) else None
