"""A synthesis <-> a file."""

import os
import warnings
from typing import Any

from metameric._core.errors import FileError
from metameric._synthesis._archived import Archived, Loaded
from metameric.io._archive import looks_like_archive, read_archive, reading, write_archive
from metameric.io._fingerprint import fingerprints
from metameric.io._plenoptic import check_load_args, read_plenoptic
from metameric.io._run import moved, revived, run_from_tree, run_to_tree, snapshots_from_tree, snapshots_to_tree
from metameric.io._saved import Saved, Tolerance, checked_device, differences, refuse
from metameric.io._tree import foreign_names, pack, unpack
from metameric.io._warning import LoadWarning

KIND = "synthesis"
CONFIGURED = ("_solver", "_schedule", "_constraint")
"""Attributes that may hold the user's own classes, which a file can only name."""
FOREIGN = 1e-5
"""Least tolerance for files of plenoptic's, whose pyramids interpolate their masks in a table: 4e-6 off in textures."""


def save_synthesis(synthesis: Archived, path: str | os.PathLike[str]) -> None:
    """Write a synthesis to a file."""
    tensors: dict[str, Any] = {}
    settings = synthesis._settings()
    behaviour = fingerprints(settings, synthesis._behaviour())
    held = [name for name in synthesis._stored if name.removeprefix("_") not in settings]
    plain = {k: v for k, v in settings.items() if k not in _callable_names(behaviour)}
    attributes = {name: getattr(synthesis, name) for name in held}
    run, snapshots = getattr(synthesis, "_run", None), getattr(synthesis, "_snapshots", None)
    content = {
        "class": type(synthesis).__name__,
        "settings": pack(plain, "settings", tensors),
        "behaviour": pack(behaviour, "behaviour", tensors),
        "attributes": pack(attributes, "attributes", tensors),
        "run": pack(None if run is None else run_to_tree(run), "run", tensors),
        "snapshots": pack(None if snapshots is None else snapshots_to_tree(snapshots), "snapshots", tensors),
    }
    write_archive(path, KIND, content, tensors)


def read_saved(path: str | os.PathLike[str]) -> Saved:
    """Read one of metameric's files."""
    archive = read_archive(path, KIND)
    with reading(path):
        parts = ("settings", "behaviour", "attributes", "run", "snapshots")
        return Saved(
            path, archive.document["class"], *(unpack(archive.document[part], archive.tensors) for part in parts)
        )


def load_synthesis(
    synthesis: Archived,
    path: str | os.PathLike[str],
    *,
    map_location: Any,
    raise_on_checks: bool,
    atol: float,
    rtol: float,
    pickle_load_args: dict[str, Any],
) -> None:
    """Read a file, compare it with the object, and only if all is well change the object."""
    check_load_args(pickle_load_args)
    device = checked_device(map_location, synthesis)
    own = looks_like_archive(path)
    saved = read_saved(path) if own else read_plenoptic(path, synthesis, pickle_load_args)
    with reading(path):
        tolerance = Tolerance(atol, rtol) if own else Tolerance(max(atol, FOREIGN), max(rtol, FOREIGN))
        found = differences(saved, synthesis, tolerance)
    if found and (raise_on_checks or saved.method != type(synthesis).__name__):
        refuse(saved, found)
    with reading(path):
        new = _attributes(saved, synthesis, device)
    for difference in found:
        warnings.warn(f"{path} does not fit this object: {difference}", LoadWarning, stacklevel=3)
    vars(synthesis).update(new)


def _callable_names(behaviour: dict[str, Any]) -> set[str]:
    return {name.split("[")[0] for name in behaviour}


def _attributes(saved: Saved, synthesis: Archived, device: Any) -> dict[str, Any]:
    """Make the object's new attributes, without touching it."""
    unknown = sorted(set(saved.attributes) - set(synthesis._stored))
    if unknown:
        raise FileError(f"the attributes {unknown} were found, which a {saved.method} does not have.")
    own = {f"_{name}": value for name, value in saved.settings.items() if not foreign_names(value)}
    chosen = {name: value for name, value in own.items() if hasattr(synthesis, name)}
    new: dict[str, Any] = moved({**chosen, **saved.attributes}, device)
    missing = tuple(name for attribute in CONFIGURED for name in foreign_names(new.get(attribute)))
    lost = [name for attribute, value in new.items() if attribute not in CONFIGURED for name in foreign_names(value)]
    if lost:
        raise FileError(f"the file names {', '.join(lost)}, which cannot be restored from a name.")
    if saved.snapshots is not None:
        new["_snapshots"] = snapshots_from_tree(saved.snapshots)
    if saved.run is not None:
        new["_run"] = run_from_tree(saved.run, device)
    if saved.finish is not None:
        new.update(saved.finish(synthesis, new, device))
    run = new.get("_run")
    if run is not None and not missing:
        new["_run"] = revived(run, new["_solver"])
    iteration = 0 if run is None else run.iteration
    return {**new, "_loaded": Loaded(os.fspath(saved.path), iteration, missing)}
