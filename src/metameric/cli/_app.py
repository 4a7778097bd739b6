"""The application: its commands, and how errors leave it."""

import importlib
import os

import click
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
_COMMANDS = ("_metamer", "_lists")


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    for name in _COMMANDS:
        importlib.import_module(f"metameric.cli.{name}")
    try:
        code = app(arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as shown:
        shown.show()
        return BAD_INPUT
    except click.ClickException as error:
        return _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except MetamericError as error:
        if os.environ.get("METAMERIC_TRACEBACK"):
            raise
        return _fail(str(error))
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    typer.echo(f"metameric: {' '.join(message.split())}", err=True)
    return BAD_INPUT
