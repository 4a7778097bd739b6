"""What is in a saved synthesis, in print."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from metameric._version import __version__
from metameric.io._archive import looks_like_archive, read_archive, reading
from metameric.io._plenoptic import CALLABLE_PARTS, read_dictionary
from metameric.io._state import KIND
from metameric.io._tree import TAG


def examine_saved_synthesis(file_path: str | os.PathLike[str], map_location: str | torch.device | None = None) -> None:
    """Print what a saved synthesis was made from and what it holds; constructs nothing and runs nothing.

    Parameters
    ----------
    file_path
        A file written by `save`, or by plenoptic 1.2 to 2.1.
    map_location
        Device for the tensors of a plenoptic file that was saved from another one; metameric's files need none.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or no saved synthesis.

    Examples
    --------
    >>> import tempfile, torch, metameric as mm
    >>> metamer = mm.Metamer(torch.rand(1, 4), mm.problems.LinearModel.random(2, 4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     metamer.save(f"{folder}/metamer")
    ...     mm.io.examine_saved_synthesis(f"{folder}/metamer")  # doctest: +ELLIPSIS
    Metadata
    --------
    class          : Metamer
    format version : 1
    metameric      : ... (installed: ...)
    torch          : ... (installed: ...)
    <BLANKLINE>
    Callables
    ---------
    model            : metameric.problems.LinearModel
    ...
    """
    ours = looks_like_archive(file_path)
    with reading(file_path):
        sections = _sections_of_archive(file_path) if ours else _sections_of_plenoptic(file_path, map_location)
    _print_sections(sections)


def _sections_of_archive(path: str | os.PathLike[str]) -> dict[str, dict[str, str]]:
    archive = read_archive(path, KIND)
    document = archive.document
    # The tree's leaves, whether in JSON or tensors, are listed under the names that the file gives them.
    plain = {part: document[part] for part in ("settings", "attributes")}
    return {
        "Metadata": {
            "class": document["class"],
            "format version": str(document["format_version"]),
            "metameric": f"{document['metameric']} (installed: {__version__})",
            "torch": f"{document['torch']} (installed: {torch.__version__})",
        },
        "Callables": {name: entry["name"] for name, entry in document["behaviour"].items()},
        "Tensors": {name: _describe(tensor) for name, tensor in sorted(archive.tensors.items())},
        "Other": {
            f"{part}.{name}": _plain(value)
            for part, values in plain.items()
            for name, value in values.items()
            if not (isinstance(value, dict) and value.get(TAG) == "tensor")
        },
    }


def _sections_of_plenoptic(path: str | os.PathLike[str], map_location: Any) -> dict[str, dict[str, str]]:
    content = read_dictionary(path, map_location, {})
    metadata = content.pop("save_metadata")
    shown = {key.removeprefix("_"): value for key, value in content.items()}
    callables = {k: v for k, v in shown.items() if isinstance(v, tuple) and len(v) in CALLABLE_PARTS}
    tensors = {k: v for k, v in shown.items() if isinstance(v, Tensor)}
    return {
        "Metadata": {
            "class": str(metadata.get("synthesis_object")),
            "plenoptic": str(metadata.get("plenoptic_version")),
            "torch": f"{metadata.get('torch_version')} (installed: {torch.__version__})",
        },
        "Callables": {name: str(value[0]) for name, value in callables.items()},
        "Tensors": {name: _describe(value) for name, value in tensors.items()},
        "Other": {k: _plain(v) for k, v in shown.items() if k not in callables and k not in tensors},
    }


def _print_sections(sections: Mapping[str, Mapping[str, str]]) -> None:
    blocks = []
    for title, lines in sections.items():
        width = max((len(name) for name in lines), default=0)
        blocks.append("\n".join([title, "-" * len(title), *(f"{n:<{width}} : {text}" for n, text in lines.items())]))
    print("\n\n".join(blocks))


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}, shape {tuple(tensor.shape)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict) and value.get(TAG) == "object":
        fields = ", ".join(f"{name}={_plain(field)}" for name, field in value["fields"].items())
        return f"{value['class']}({fields})"
    if isinstance(value, dict) and TAG in value:
        return str(value.get("name", value.get("items", value.get("value"))))
    if isinstance(value, list | dict | tuple) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    return str(value)
