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
# Images of the commands that take such options, and the options without a value that these commands take.
_IMAGES = {"compare": 2, "mad": 1, "principal": 1}
_FLAGS = ("--json", "--color", "--resume", "--help")


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
    """Repeat the name of an option before each of its words, up to the next option.

    Images that were not named elsewhere are the last of its words, as in ``compare --metrics ssim a.png b.png``.
    """
    groups: list[list[str]] = [arguments[:1]]  # each begins with an option, the first with the command
    for word in arguments[1:]:
        if word.startswith("-"):
            groups.append([])
        groups[-1].append(word)
    lists = [i for i, group in enumerate(groups) if group and group[0] in _LISTS]
    others = [group for i, group in enumerate(groups) if i > 0 and i not in lists]
    elsewhere = sum(max(0, len(group) - 1 - _has_value(group[0])) for group in others)
    missing = _IMAGES.get(" ".join(arguments[:1]), 0) - elsewhere - (len(groups[0]) - 1)
    found: list[str] = []
    for i, group in enumerate(groups):
        if i not in lists:
            found += group
            continue
        name, *words = group
        n_images = min(max(missing, 0), max(len(words) - 1, 0)) if i == lists[-1] else 0
        n_own = len(words) - n_images
        found += [*(part for word in words[:n_own] for part in (name, word)), *words[n_own:]]
    return found


def _has_value(option: str) -> bool:
    return not (option in _FLAGS or "=" in option or option[1:2].isdigit())


def _fail(message: str) -> int:
    for line in message.splitlines():
        typer.echo(f"metameric: {' '.join(line.split())}", err=True)
    return BAD_INPUT
