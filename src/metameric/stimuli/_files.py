"""Text and JSON files, whole or not at all."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from metameric._core.errors import FileError, MissingFileError
from metameric.io._atomic import replacing


def file_hash(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(plain(content), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def read_json(path: Path, remedy: str) -> Any:
    """Read a JSON file; `remedy` is what to do if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise damaged(path, f"cannot be read ({error})", remedy) from error


def damaged(path: Path, what: str, remedy: str) -> FileError:
    """Return the error that a file of a set is not what was written."""
    return FileError(f"{path} {what}; it was changed or damaged after it was written: {remedy}.")
