"""The `metameric` command."""

import sys


def main() -> None:
    """Run the command line; bad input ends with one clear line and exit code 2."""
    from metameric.cli._app import run

    sys.exit(run(sys.argv[1:]))


__all__ = ["main"]
