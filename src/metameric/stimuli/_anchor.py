"""Names of files in a specification, in full: a set is found again from any folder."""

from pathlib import Path
from typing import Any

from metameric.stimuli._methods import MADMethod
from metameric.stimuli._specification import ImageEntry, ModelEntry, Specification, TrialEntry
from metameric.stimuli._words import is_bundled


def anchored(specification: Specification, folder: Path) -> Specification:
    """Return the specification with images, models and metrics that lie in a folder named in full."""

    def trial(entry: TrialEntry) -> TrialEntry:
        parts = {"image": _image(entry.image, folder), "model": _model(entry.model, folder)}
        return entry.model_copy(update={**parts, "method": _method(entry.method, folder)})

    update: dict[str, list[Any]] = {
        "images": [_image(entry, folder) for entry in specification.images],
        "models": [_model(entry, folder) for entry in specification.models],
        "methods": [_method(entry, folder) for entry in specification.methods],
        "trials": [trial(entry) for entry in specification.trials],
    }
    return specification.model_copy(update={key: entries for key, entries in update.items() if entries})


def _image(entry: ImageEntry, folder: Path) -> ImageEntry:
    found = folder / entry.name
    if is_bundled(entry.name, folder) or not found.exists():
        return entry
    return entry.model_copy(update={"name": str(found)})


def _model(entry: ModelEntry, folder: Path) -> ModelEntry:
    return entry.model_copy(update={"name": _own(entry.name, folder)})


def _method(entry: Any, folder: Path) -> Any:
    if not isinstance(entry, MADMethod):
        return entry
    roles = ("optimized", "reference")
    update: dict[str, Any] = {
        role: _own(getattr(entry, role), folder) for role in roles if role in entry.model_fields_set
    }
    if entry.grid:
        update["grid"] = {
            key: [_own(value, folder) for value in values] if key in roles else values
            for key, values in entry.grid.items()
        }
    return entry.model_copy(update=update)


def _own(name: str, folder: Path) -> str:
    """Return ``file.py:attribute`` or ``module:attribute`` with the folder, if the file or the module is there."""
    where, colon, attribute = name.partition(":")
    found = folder / where
    first = folder / where.partition(".")[0]
    files = [found] if where.endswith(".py") else [first.with_suffix(".py"), first / "__init__.py"]
    return f"{found}:{attribute}" if colon and any(file.is_file() for file in files) else name
