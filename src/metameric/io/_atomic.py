"""Files appear whole or not at all, whatever interrupts their writing."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from metameric._core.errors import FileError, MissingFileError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file's name to write to; afterwards it takes the place of `path`, at once."""
    target = Path(os.path.realpath(path))  # a link stays a link
    if os.path.isdir(target):  # that of pathlib raises an error where a name is too long
        raise FileError(f"{path} is a folder; expected the name of a file to write.")
    if not os.path.isdir(target.parent):
        raise MissingFileError(f"{path} cannot be written: there is no folder {target.parent}; make it first.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # whoever wrote it may have made it readable by its owner alone
        # Without this a crash of the machine soon after could leave an empty file under the final name.
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # mostly it is not there any more, and a name too long never was
            temporary.unlink()
