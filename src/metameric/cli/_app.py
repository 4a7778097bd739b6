"""The application: its commands, and how errors leave it."""

import importlib
import os

import typer

from metameric._core.errors import MetamericError

BAD_INPUT = 2
NOT_CONVERGED = 3
INTERRUPTED = 130

app = typer.Typer(
    name="metameric",
    help="Synthesise images from models of vision.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

# Each module registers its commands on `app`.
_COMMANDS = (
    "_metamer",
    "_lists",
    "_mad",
    "_compare",
    "_eigendistortions",
    "_exciting",
    "_diverse",
    "_geodesic",
    "_principal",
    "_controversial",
    "_set",
)

# Options that take several words: ``--metrics ssim mse`` stands for ``--metrics ssim --metrics mse``.
_LISTS = ("--metrics", "--models", "--targets")


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    for name in _COMMANDS:
        importlib.import_module(f"metameric.cli.{name}")
    try:
        code = app(_one_by_one(arguments), standalone_mode=False)
    except MetamericError as error:
        if os.environ.get("METAMERIC_TRACEBACK"):
            raise
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        # typer brings its own copy of click in some versions: usage errors are known by what they offer.
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            return BAD_INPUT
        if type(error).__name__ == "Abort":
            return INTERRUPTED
        if not hasattr(error, "format_message"):
            raise
        return _fail(error.format_message())
    return code if isinstance(code, int) else 0


def _one_by_one(arguments: list[str]) -> list[str]:
    """Repeat the name of an option before each of its words, up to the next option."""
    found: list[str] = []
    current = None
    for word in arguments:
        if word.startswith("-"):
            current = word if word in _LISTS else None
            if current is None:
                found.append(word)
        else:
            found += [word] if current is None else [current, word]
    return found


def _fail(message: str) -> int:
    for line in message.splitlines():
        typer.echo(f"metameric: {' '.join(line.split())}", err=True)
    return BAD_INPUT
