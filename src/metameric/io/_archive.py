"""The file format: a safetensors file whose header carries one JSON document. Nothing in it can be executed.

The document holds, besides what its writer put there, its kind, the format version, and checksums of itself and of
every tensor, so that damage is noticed and not computed with. The same content gives the same file.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from metameric._core.errors import FileError, MetamericError, MissingFileError
from metameric._version import __version__
from metameric.io._atomic import replacing

FORMAT_VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Version -> function that turns a document of that version into one of the next."""
_KEY, _CHECKSUM = "metameric", "crc32"


@dataclass(frozen=True)
class Archive:
    """What a file holds: a JSON document and named tensors."""

    document: dict[str, Any]
    tensors: dict[str, Tensor]


def write_archive(
    path: str | os.PathLike[str], kind: str, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a document of a kind and its tensors; a file that is there is replaced at once or, on an error, kept."""
    stored = _separate(tensors)
    whole = {
        "kind": kind,
        "format_version": FORMAT_VERSION,
        "metameric": __version__,
        "torch": torch.__version__,
        **document,
        "checksums": {name: _checksum(tensor) for name, tensor in stored.items()},
    }
    text = _text({**whole, _CHECKSUM: zlib.crc32(_text(whole).encode())})
    with replacing(path) as temporary:
        save_file(stored, temporary, {_KEY: text})


def read_archive(path: str | os.PathLike[str], kind: str) -> Archive:
    """Read a file written by `write_archive` with the same kind, onto the CPU.

    Raises
    ------
    FileError
        If it is missing, truncated, damaged, of another kind, from a newer version, or no such file at all.
    """
    if not looks_like_archive(path):
        raise FileError(
            f"{path} is not a metameric file: it does not begin as one (first bytes {first_bytes(path)[:8]!r}). "
            "Expected a file written by `save`."
        )
    with reading(path), safe_open(str(path), framework="pt") as file:
        document = _document(path, file.metadata() or {})
        found = document.get("kind")
        if found != kind:
            raise FileError(f"{path} holds a {found!r}; expected a {kind!r}.")
        document = _migrated(path, document)
        # Copies lie at addresses as a computation would have put them: products of matrices may differ in the last
        # bit with the alignment of their operands, and a continued run must not.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dictionary
        expected = document["checksums"]
        if set(expected) != set(tensors):
            raise FileError(f"{path} is damaged: its tensors are not those that its header lists.")
        for name, tensor in tensors.items():
            if _checksum(tensor) != expected[name]:
                raise FileError(f"{path} is damaged: the values of {name!r} are not those that were written.")
    return Archive(document, tensors)


def looks_like_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a safetensors file does: the header's length in 8 bytes, then a JSON object."""
    head = first_bytes(path)
    if not head:
        raise FileError(f"{path} is empty; expected a file written by `save`. It was perhaps cut short by a full disk.")
    return head[8:9] == b"{"


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever goes wrong in taking a file apart into an error that names the file."""
    try:
        yield
    except FileError as error:
        if str(path) in str(error):
            raise
        raise FileError(f"{path} is damaged or not what it says it is: {error}") from error
    except MetamericError:
        raise
    except SafetensorError as error:
        raise FileError(f"{path} is damaged or truncated: {error}. Restore it from a copy.") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}.") from error
    # A file can be wrong in as many ways as there are lines that read it.
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise FileError(
            f"{path} is damaged: its content does not fit together ({type(error).__name__}: {error}). "
            "Restore it from a copy."
        ) from error


def first_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the beginning of a file, or say why there is none."""
    if not os.path.exists(path):
        raise MissingFileError(f"there is no file {path}; expected one written by `save`.")
    if os.path.isdir(path):
        raise FileError(f"{path} is a folder; expected a file written by `save`.")
    with reading(path), Path(path).open("rb") as file:
        return file.read(16)


def _document(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata.get(_KEY)
    if text is None:
        raise FileError(
            f"{path} is a safetensors file, but not one that metameric wrote (its metadata has {sorted(metadata)}). "
            "Expected a file written by `save`."
        )
    document = json.loads(text)
    if not isinstance(document, dict):
        raise FileError(f"{path} is damaged: its header holds a {type(document).__name__}, not an object.")
    if document.pop(_CHECKSUM, None) != zlib.crc32(_text(document).encode()):
        raise FileError(f"{path} is damaged: its header is not as it was written. Restore it from a copy.")
    return document


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, ensure_ascii=False)


def _migrated(path: str | os.PathLike[str], document: dict[str, Any]) -> dict[str, Any]:
    version = document.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise FileError(f"{path} has the format version {version!r}; expected a number from 1 to {FORMAT_VERSION}.")
    if version > FORMAT_VERSION:
        raise FileError(
            f"{path} has format version {version}, written by metameric {document.get('metameric')}; this is metameric "
            f"{__version__}, which reads versions up to {FORMAT_VERSION}. Upgrade metameric to read it."
        )
    for step in range(version, FORMAT_VERSION):
        document = MIGRATIONS[step](document)
    return document


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring tensors to the CPU, contiguous, none sharing memory with another: what safetensors asks for."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        plain = tensor.detach().to("cpu").contiguous()
        address = plain.untyped_storage().data_ptr()
        separate[name] = plain.clone() if address in seen else plain
        seen.add(address)
    return separate


def _checksum(tensor: Tensor) -> int:
    label = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    if tensor.numel() == 0:
        return zlib.crc32(label)
    # A single number is contiguous whatever its stride, but can only be seen as bytes with that of one.
    plain = tensor.reshape(-1).as_strided((tensor.numel(),), (1,))
    return zlib.crc32(plain.view(torch.uint8).numpy().data, zlib.crc32(label))
