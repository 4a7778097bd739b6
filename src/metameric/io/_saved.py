"""What a file says about a synthesis, whichever program wrote it, and how it differs from an object."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from metameric._core.errors import FileError, InputError
from metameric.io._fingerprint import fingerprints
from metameric.io._tree import pack, unpack


@dataclass(frozen=True)
class Saved:
    """A saved synthesis.

    `method` is the name of its class, `settings` what it was made from (callables left out), `behaviour` name and
    output of its callables, `attributes` its state by attribute, `run` and `snapshots` as in `metameric.io._run`.
    A foreign file comes with `present`, the object's callables on that file's own test stimuli, and `finish`, which
    makes the attributes that need the object, from it, the new attributes and the device.
    """

    path: str | os.PathLike[str]
    method: str
    settings: Mapping[str, Any]
    behaviour: Mapping[str, Mapping[str, Any]]
    attributes: dict[str, Any]
    run: Mapping[str, Any] | None = None
    snapshots: Mapping[str, Any] | None = None
    present: Mapping[str, Mapping[str, Any]] | None = None
    finish: Callable[..., dict[str, Any]] | None = None


@dataclass(frozen=True)
class Tolerance:
    """How closely tensors must agree, as in `torch.allclose`."""

    atol: float
    rtol: float

    def difference(self, saved: Any, present: Any) -> str | None:
        """Say how two values differ, or return None."""
        if isinstance(saved, Tensor) and isinstance(present, Tensor):
            return self._between_tensors(saved, present)
        if isinstance(saved, float | int) and isinstance(present, float | int):
            if saved == present or (saved != saved and present != present):  # NaN is itself here
                return None
            close = not isinstance(saved, bool) and abs(saved - present) <= self.atol + self.rtol * abs(present)
            return None if close else f"found {saved!r}, expected {present!r}"
        if isinstance(saved, list | tuple) and isinstance(present, list | tuple) and len(saved) == len(present):
            return next((d for a, b in zip(saved, present, strict=True) if (d := self.difference(a, b))), None)
        if is_dataclass(saved) and type(saved) is type(present):
            return self.difference(_values(saved), _values(present))
        same = type(saved) is type(present) and not isinstance(saved, Tensor) and saved == present
        return None if same else f"found {_brief(saved)}, expected {_brief(present)}"

    def _between_tensors(self, saved: Tensor, present: Tensor) -> str | None:
        if saved.dtype != present.dtype:
            return f"found dtype {_dtype(saved)}, expected {_dtype(present)}"
        # Setting up with several seeds repeats a single target.
        if saved.ndim and present.ndim and saved.shape[1:] == present.shape[1:] and present.shape[0] == 1:
            saved = saved[:1] if saved.stride(0) == 0 else saved
        if saved.shape != present.shape:
            return f"found shape {tuple(saved.shape)}, expected {tuple(present.shape)}"
        here = saved.to(present.device)
        if torch.allclose(here, present, rtol=self.rtol, atol=self.atol, equal_nan=True):
            return None
        worst = float((here.to(torch.complex128) - present.to(torch.complex128)).abs().max())
        return f"the values differ by up to {worst:.3g} (allowed: {self.atol:g} + {self.rtol:g} * |expected|)"


def differences(saved: Saved, synthesis: Any, tolerance: Tolerance) -> list[str]:
    """Say in what a file and an object differ, one sentence per attribute."""
    method = type(synthesis).__name__
    if saved.method != method:
        return [f"class: found {saved.method}, expected {method}"]
    found = []
    settings = synthesis._settings()
    tensors: dict[str, Tensor] = {}
    # Through the form that files have: an object that a file can only name is then compared by its name.
    plain = {k: v for k, v in settings.items() if not _has_callables(v)}
    present: dict[str, Any] = unpack(pack(plain, "", tensors), tensors)
    derived = {k.removeprefix("_"): getattr(synthesis, k, None) for k in synthesis._stored}
    present |= {k: v for k, v in derived.items() if isinstance(v, Tensor)}
    theirs = {**saved.settings, **{k.removeprefix("_"): v for k, v in saved.attributes.items()}}
    for name, value in present.items():
        if name not in theirs and value is not None:
            found.append(f"{name}: missing in the file, expected {_brief(value)}")
        elif difference := tolerance.difference(theirs.get(name), value):
            found.append(f"{name}: {difference}")
    ours = saved.present if saved.present is not None else fingerprints(settings, synthesis._behaviour())
    behaviour = _behavioural_differences(saved, ours, tolerance)
    if found or any(line.startswith("model:") for line in behaviour):
        # What a loss gives depends on the model and the target: it is not to blame where those differ.
        behaviour = [line for line in behaviour if not line.startswith("loss_function: its output")]
    return found + behaviour


def checked_device(map_location: Any, synthesis: Any) -> torch.device:
    """Return the object's device, which `map_location` must name if it is given."""
    own = next((v.device for v in synthesis._settings().values() if isinstance(v, Tensor)), torch.device("cpu"))
    if map_location is None:
        return own
    try:
        wanted = torch.empty(0, device=map_location).device
    except (RuntimeError, TypeError, AssertionError) as error:
        raise InputError(f"map_location is {map_location!r}; expected a device that is there: {error}") from error
    if wanted != own:
        raise InputError(
            f"map_location is {wanted}, but this object is on {own}; leave it out, or call to({str(wanted)!r}) first."
        )
    return own


def refuse(saved: Saved, found: list[str]) -> None:
    """Raise for the differences that were found."""
    raise FileError(
        f"{saved.path} does not fit this object:\n  " + "\n  ".join(found) + "\nMake the object as the saved one was "
        "(metameric.io.examine_saved_synthesis shows it), or load with raise_on_checks=False."
    )


def _behavioural_differences(saved: Saved, present: Mapping[str, Mapping[str, Any]], tolerance: Tolerance) -> list[str]:
    found = []
    for name in sorted({*saved.behaviour, *present}):
        theirs, ours = saved.behaviour.get(name), present.get(name)
        if theirs is None or ours is None:
            found.append(f"{name}: {'missing in the file' if theirs is None else 'only in the file'}")
            continue
        short_theirs, short_ours = (str(side["name"]).split(".")[-1] for side in (theirs, ours))
        if short_theirs != short_ours:
            found.append(f"{name}: found {short_theirs}, expected {short_ours}")
        difference = tolerance.difference(theirs["value"], ours["value"])
        if difference:
            found.append(f"{name}: its output on test stimuli is not the saved one's: {difference}")
    return found


def _has_callables(value: Any) -> bool:
    return callable(value) or (isinstance(value, list | tuple) and any(callable(item) for item in value))


def _values(record: Any) -> list[Any]:
    return [getattr(record, f.name) for f in fields(record)]


def _brief(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {_dtype(value)}"
    return repr(value)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
