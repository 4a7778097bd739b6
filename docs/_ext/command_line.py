"""Command line reference: the help texts of all commands, asked of the application itself."""

import importlib
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx
from typer.testing import CliRunner

from metameric.cli import _app


def commands(command: Any) -> list[list[str]]:
    """List the words of every command below a group."""
    inner = getattr(command, "commands", {})
    return [[word, *rest] for word in inner for rest in (commands(inner[word]) or [[]])]


def write(path: Path) -> None:
    """Write a section for every command."""
    for module in _app._COMMANDS:
        importlib.import_module(f"metameric.cli.{module}")
    sections = []
    for words in commands(typer.main.get_command(_app.app)):
        asked = CliRunner().invoke(_app.app, [*words, "--help"], prog_name="metameric")
        if asked.exit_code:
            raise RuntimeError(f"metameric {' '.join(words)} --help ended with {asked.exit_code}: {asked.output}")
        sections.append(f"## `metameric {' '.join(words)}`\n\n```text\n{asked.output.strip()}\n```\n")
    text = "\n".join(sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the file that the page includes."""
    write(Path(app.srcdir) / "api" / "generated" / "command_line.txt")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
