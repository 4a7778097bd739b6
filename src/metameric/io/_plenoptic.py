"""Files that plenoptic 1.2 to 2.1 saved: pickles, read without letting them construct anything but tensors."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import FileError, InputError, InputTypeError
from metameric._synthesis._archived import Archived
from metameric.io._archive import first_bytes, reading
from metameric.io._plenoptic_history import STIMULUS, History, eigenpairs
from metameric.io._saved import Saved
from metameric.io._tree import full_name
from metameric.regularize._range import penalize_range

LOAD_ARGS = {"weights_only", "mmap", "encoding", "errors", "fix_imports"}
"""Options of `torch.load` that may be given; they matter to old files only."""
CALLABLE_PARTS = (2, 3)
"""plenoptic writes callables as (name, state) or (name, names of inputs, output)."""


def read_dictionary(path: str | os.PathLike[str], device: Any, load_args: Mapping[str, Any]) -> dict[str, Any]:
    """Read the dictionary that plenoptic wrote. `torch.load` with `weights_only` refuses everything that runs code."""
    check_load_args(load_args)
    if not looks_like_torch(path):
        raise FileError(f"{path} is neither a metameric file nor a plenoptic one; expected a file written by `save`.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle dialects; what matters is whether it can be read
            content = torch.load(path, map_location=device, **{**load_args, "weights_only": True})
    # Its reader meets arbitrary bytes, and what it raises then depends on them.
    except Exception as error:
        raise FileError(
            f"{path} is neither a metameric file nor a plenoptic one that is whole and safe to read: it is damaged or "
            "asks for more than tensors and plain values. Nothing in it was run."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("save_metadata"), dict):
        raise FileError(
            f"{path} holds a {type(content).__name__} that is no synthesis; expected one saved by plenoptic."
        )
    return content


def looks_like_torch(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as those of `torch.save` do: as a ZIP archive or a pickle."""
    head = first_bytes(path)
    return head.startswith((b"PK", b"\x80"))


def read_plenoptic(path: str | os.PathLike[str], synthesis: Archived, load_args: Mapping[str, Any]) -> Saved:
    """Translate a file of plenoptic's for an object of the same class."""
    content = read_dictionary(path, "cpu", load_args)
    method = str(content["save_metadata"].get("synthesis_object")).split(".")[-1]
    with reading(path):
        if method != type(synthesis).__name__ or method not in (*STIMULUS, "Eigendistortion"):
            return Saved(path, method, {}, {}, {})
        _bring_up_to_date(content)
        settings = synthesis._settings()
        behaviour = {k.removeprefix("_"): _behaviour(v) for k, v in content.items() if _is_behaviour(v)}
        present = {name: _present(settings[name], content[f"_{name}"][1], content) for name in behaviour}
        plain = {k: content[f"_{k}"] for k in settings if k not in behaviour and f"_{k}" in content}
        saved = Saved(path, method, plain, behaviour, {}, present=present)
        if method == "Eigendistortion":
            return replace(saved, finish=partial(eigenpairs, content))
        if content.get(STIMULUS[method]) is None:
            derived = {k: content[k] for k in ("_target_representation",) if k in content}
            return replace(saved, attributes=derived)
        history = History(content, STIMULUS[method])
        return replace(saved, attributes=history.attributes(), snapshots=history.snapshots(), finish=history.finish)


def check_load_args(load_args: Mapping[str, Any]) -> None:
    """Refuse options of `torch.load` that do not exist, or that would let a file run code."""
    if not load_args.get("weights_only", True) or "pickle_module" in load_args:
        raise InputError(
            "weights_only=False or another pickle_module would let the file run code of its own; metameric reads "
            "plenoptic's files without. Leave them out."
        )
    unknown = sorted(set(load_args) - LOAD_ARGS)
    if unknown:
        raise InputTypeError(f"load() got the unknown options {unknown}; expected some of {sorted(LOAD_ARGS)}, if any.")


def _bring_up_to_date(content: dict[str, Any]) -> None:
    """Give files of plenoptic before 2.0 the names and the penalty that later ones have."""
    for name in ("loss_function", "penalty_function"):
        if name in content:
            content[f"_{name}"] = content.pop(name)
    if "_penalty_lambda" not in content and "_image" in content and "_losses" in content:
        allowed = tuple(content.pop("_allowed_range", (0.0, 1.0)))
        content["_penalty_lambda"] = content.pop("_range_penalty_lambda", 0.1)
        value = penalize_range(content["_image"], allowed_range=allowed)
        content["_penalty_function"] = ("plenoptic.regularize.penalize_range", ("_image",), value)


def _is_behaviour(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[2], Tensor)


def _behaviour(entry: tuple[str, Any, Tensor]) -> dict[str, Any]:
    return {"name": entry[0], "value": entry[2].detach().reshape(-1)}


@torch.no_grad()
def _present(function: Callable[..., Tensor], inputs: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    """Call the object's own function on what plenoptic called the saved one on: attributes, or multiples of them."""
    arguments = []
    for text in inputs:
        *factor, name = (part.strip() for part in text.split("*"))
        arguments.append(float(factor[0]) * content[name] if factor else content[name])
    return {"name": full_name(function), "value": function(*arguments).detach().reshape(-1)}
