"""Specifications from YAML files: what is wrong is said with its line and what to do about it."""

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from metameric._core.errors import FileError, InputError, MetamericError, MissingFileError
from metameric.stimuli._anchor import anchored
from metameric.stimuli._images import find_images
from metameric.stimuli._methods import EigendistortionMethod, MADMethod, MetamerMethod
from metameric.stimuli._specification import Display, ImageEntry, ModelEntry, Specification, TrialEntry

_METHODS: dict[str, type[BaseModel]] = {
    "metamer": MetamerMethod,
    "eigendistortions": EigendistortionMethod,
    "mad": MADMethod,
}


def read_specification(path: str | os.PathLike[str]) -> Specification:
    """Read a specification from a YAML file.

    Parameters
    ----------
    path
        The file. Images, models and metrics in it are looked for in its folder first.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no YAML, or something in it is missing, unknown or out of range: the message names every place by its
        line.

    Examples
    --------
    >>> import pathlib, tempfile, metameric as mm
    >>> text = "{images: [camera], models: [Gaussian], methods: [metamer], seeds: 0-3, size: 32}"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "set.yaml")
    ...     _ = file.write_text(text)
    ...     mm.stimuli.read_specification(file).seeds
    [0, 1, 2, 3]
    """
    file = Path(path)
    if not file.is_file():
        raise MissingFileError(f"{file} does not exist; expected a specification, a YAML file.")
    text, content, tree = _parsed(file)
    try:
        specification = Specification.model_validate(content)
    except ValidationError as error:
        wrong = [_sentence(file.name, tree, content, entry) for entry in error.errors(include_url=False)]
        raise InputError("\n".join(dict.fromkeys(wrong))) from error
    found = anchored(specification, file.resolve().parent)
    missing = []
    for location, entry in _images(found):
        try:
            find_images(entry)
        except MetamericError as error:
            line, where = _locate(tree, location)
            missing.append(f"{file.name}, line {line}: {where}: {error}")
    if missing:
        raise InputError("\n".join(missing))
    found._text = text
    return found


class _Loader(yaml.SafeLoader):
    """The safe loader, which says where keys are repeated, and where values are not what their tag or form promises."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, whose keys have to differ."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            known = (key.tag, str(key.value))
            if known in seen:
                raise yaml.constructor.ConstructorError(None, None, f"a second {key.value!r}", key.start_mark)
            seen.add(known)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct one value."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"no {kind}", node.start_mark) from error


def _parsed(file: Path) -> tuple[str, Any, yaml.Node | None]:
    """Return a file's text, what it says, and where it says it."""
    try:
        text = file.read_text(encoding="utf-8")
        loader = _Loader(text)
        tree = loader.get_single_node()
        return text, None if tree is None else loader.construct_document(tree), tree
    except UnicodeDecodeError as error:
        raise FileError(f"{file.name} is not text in UTF-8 ({error.reason} at byte {error.start}).") from error
    except RecursionError as error:
        raise FileError(f"{file.name}: not a specification (nested too deeply); check brackets and dashes.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FileError(f"{file.name}{where}: not YAML ({problem}); check indentation, colons and quotes.") from error


def _images(specification: Specification) -> Iterator[tuple[tuple[int | str, ...], ImageEntry]]:
    yield from ((("images", i), entry) for i, entry in enumerate(specification.images))
    yield from ((("trials", i, "image"), entry.image) for i, entry in enumerate(specification.trials))


def _sentence(name: str, tree: yaml.Node | None, content: Any, error: ErrorDetails) -> str:
    line, path = _locate(tree, error["loc"])
    where = f"{name}, line {line}: {path}" if path else f"{name}, line {line}: the specification"
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return f"{where}: there is no such key. {_nearest_key(str(error['loc'][-1]), error['loc'], content)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        method = given.get("method") if isinstance(given, dict) else given
        near = difflib.get_close_matches(str(method), _METHODS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(_METHODS)}."
        return f"{where}: there is no method {method!r}. {hint}"
    if kind in ("model_type", "model_attributes_type"):
        return f"{where}{_shown(given)}: expected a name, or a mapping with options."
    if kind == "value_error":
        raised = error.get("ctx", {}).get("error")
        return f"{where}{_shown(given)}: {str(raised or error['msg']).rstrip('.')}."
    if kind == "missing":
        return f"{where}: {error['loc'][-1]!r} is missing; add it."
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{where}{_shown(given)}: {message.replace('input should be', 'expected')}."


def _shown(given: Any) -> str:
    if isinstance(given, dict | list):
        return ""
    huge = isinstance(given, int) and given.bit_length() > 256  # Python refuses to print the largest ones
    text = f"a number of {given.bit_length()} bits" if huge else repr(given)
    return f" is {text if len(text) <= 80 else text[:77] + '...'}"


def _locate(tree: yaml.Node | None, location: Sequence[int | str]) -> tuple[int, str]:
    """Follow a location into the file as far as it goes; steps that are no part of the file (types) are left out."""
    node, line, path = tree, 1 if tree is None else tree.start_mark.line + 1, ""
    for step in location:
        if isinstance(node, yaml.MappingNode):
            inside = [(key, value) for key, value in node.value if key.value == str(step)]
            if inside:
                key, node = inside[0]
                line, path = key.start_mark.line + 1, f"{path}.{step}" if path else str(step)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line, path = node.start_mark.line + 1, f"{path}[{step}]"
    return line, path


def _nearest_key(key: str, location: Sequence[int | str], content: Any) -> str:
    known = _fields(location, content)
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."


def _fields(location: Sequence[int | str], content: Any) -> list[str]:
    """Return the keys that may stand where an unknown one was found."""
    outer = [str(step) for step in location[:-1] if not isinstance(step, int)]
    part: type[BaseModel] = Specification
    images, models = dict.fromkeys(("images", "image"), ImageEntry), dict.fromkeys(("models", "model"), ModelEntry)
    parts: dict[str, type[BaseModel]] = {**images, **models, "trials": TrialEntry, "display": Display, **_METHODS}
    for step in outer:
        part = parts.get(step, part)
    return list(part.model_fields)
