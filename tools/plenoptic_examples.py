"""Run the examples in plenoptic's docstrings with metameric in its place, and list those that end in an error.

    python tools/plenoptic_examples.py            # all of them, some minutes
    python tools/plenoptic_examples.py metamer    # those of names that contain a word
    python tools/plenoptic_examples.py --outputs  # also where something else is printed

Figures, random numbers and results of longer runs differ; names, shapes and types should not. Examples that fetch data
or weights need a network and end in errors without one. What is left differs on purpose: a MAD competition holds the
reference metric without a weight, loading compares behaviour instead of names, and more kinds of input are accepted
(an expected error does not come).
"""

import argparse
import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import plenoptic
import torch

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(word: str) -> Iterator[doctest.DocTest]:
    """Find every docstring with examples once."""
    seen: set[str] = set()
    names = [m.name for m in pkgutil.walk_packages(plenoptic.__path__, "plenoptic.") if "conftest" not in m.name]
    for name in ["plenoptic", *names]:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # torchvision need not fit the torch that is installed
            print(f"{name} cannot be imported: {error}")
            continue
        for found in doctest.DocTestFinder().find(module, name):
            if found.examples and found.docstring not in seen and word in found.name.lower():
                seen.add(found.docstring or "")
                yield found


def run(test: doctest.DocTest, outputs: bool) -> str | None:
    """Return what went wrong first."""
    scope: dict[str, Any] = {"torch": torch, "plt": plt, "np": np}
    for example in test.examples:
        source = example.source.replace("import plenoptic as po", "import metameric as po")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
                exec(compile(source.replace("plenoptic.", "metameric."), test.name, "single"), scope)
        except Exception as error:
            if example.exc_msg is None:
                return f"{source.strip()}\n      {type(error).__name__}: {error}"
        else:
            if example.exc_msg is not None:
                return f"{source.strip()}\n      no error, where plenoptic has {example.exc_msg.strip()}"
        same = doctest.OutputChecker().check_output(example.want, printed.getvalue(), FLAGS)
        if outputs and example.want and not same:
            print(f"{test.name}: {source.strip()}\n    {example.want.strip()}\n    {printed.getvalue().strip()[:500]}")
    return None


def main() -> int:
    """Read the command line, run the examples in an empty folder, and print what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--outputs", action="store_true", help="show other outputs than plenoptic's, too")
    options = parser.parse_args()
    mpl.use("Agg")
    warnings.simplefilter("ignore")
    n, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for test in examples(options.word):
            problem = run(test, options.outputs)
            plt.close("all")
            n, failed = n + 1, failed + (problem is not None)
            if problem is not None:
                print(f"{test.name}: {problem}", flush=True)
        os.chdir(os.path.dirname(folder))
    print(f"{n} docstrings with examples, {failed} ended in an error")
    return 0


if __name__ == "__main__":
    sys.exit(main())
