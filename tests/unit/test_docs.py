"""The documentation against the library: plenoptic's vocabulary, the reference, links between pages, guarantees."""

import doctest
import functools
import importlib.util
import re
import sys
import warnings
from pathlib import Path

import pytest

import metameric

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NAMES = (DOCS / "plenoptic_names.txt").read_text().split()
PACKAGES = {"data", "external", "io", "loss", "metric", "models", "plot", "process", "regularize", "validate"}


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@functools.cache
def examples():
    """Objects whose attributes exist only once they are made."""
    import torch

    return {
        "process.SteerablePyramidFreq": metameric.process.SteerablePyramidFreq((32, 32)),
        "models.PortillaSimoncelli": metameric.models.PortillaSimoncelli((32, 32), n_scales=2),
        "models.DeepNetFeatures": metameric.models.DeepNetFeatures(
            torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), ["0"]
        ),
    }


@functools.cache
def table():
    """First cell -> last cell of the table of names."""
    page = (DOCS / "from-plenoptic.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE)
    return dict(rows)


def test_the_list_of_names_is_whole():
    assert len(NAMES) == len(set(NAMES)) > 200


def entry_of(name):
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] in PACKAGES else 1])


def is_there(name):
    entry = entry_of(name)
    owners = [functools.reduce(getattr, entry.split("."), metameric)]
    owners += [examples()[entry]] if entry in examples() else []
    rest = name[len(entry) + 1 :]
    return not rest or any(hasattr(owner, rest) for owner in owners)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_plenoptic_is_here_or_explained(name):
    entry = entry_of(name)
    assert entry in table(), f"{entry} has no row in docs/from-plenoptic.md"
    assert is_there(name) or f"`{name}`" in table()[entry], f"{name} is missing, and its row does not say why"


def test_a_missing_name_would_be_noticed():
    assert not is_there("models.PortillaSimoncelli.no_such_attribute")
    with pytest.raises(AttributeError):
        is_there("models.NoSuchModel")


def pages():
    return [
        p for p in sorted(DOCS.rglob("*.md")) if not {"_build", "generated", "gallery"} & set(p.relative_to(DOCS).parts)
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(DOCS).as_posix())
def test_links_between_pages(page):
    """Sphinx checks roles; this checks files named in plain links, and pages left out of every table of contents."""
    for target in re.findall(r"\]\((?!https?:|#)([^)\s#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_the_reference_lists_every_package():
    reference = module(DOCS / "_ext" / "reference.py")
    index = (DOCS / "api" / "index.md").read_text()
    packages = {"metameric"} | {f"metameric.{n}" for n in metameric.__all__ if is_package(n)}
    assert set(reference.PACKAGES) == packages
    assert all(f"generated/{package}\n" in index for package in packages)


def is_package(name):
    return type(getattr(metameric, name)).__name__ == "module"


def test_the_reference_has_every_public_name(tmp_path):
    reference = module(DOCS / "_ext" / "reference.py")
    reference.write_pages(tmp_path)
    for package in reference.PACKAGES:
        thing = metameric if package == "metameric" else getattr(metameric, package.removeprefix("metameric."))
        listed = set((tmp_path / f"{package}.rst").read_text().split())
        names = [n for n in getattr(thing, "__all__", []) if not n.startswith("__")]
        assert {n for n in names if not (package == "metameric" and is_package(n))} <= listed


def public_callables():
    """Package, name -> the object, for every function and class that the reference shows."""
    reference = module(DOCS / "_ext" / "reference.py")
    named = [(package, name) for package in reference.PACKAGES for name in reference.public_names(package)]
    found = {at: getattr(sys.modules[at[0]], at[1]) for at in named}
    return {at: thing for at, thing in found.items() if callable(thing)}


@functools.cache
def doctests(name):
    """Names in a module that have examples which the test run collects."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doctest.DocTestFinder(recurse=True).find(sys.modules[name])
    return {test.name for test in found if test.examples}


def has_examples(thing):
    written = re.search(r"^ *Examples\n *--------$", thing.__doc__ or "", re.MULTILINE)
    return bool(written) and f"{thing.__module__}.{thing.__qualname__}" in doctests(thing.__module__)


def test_every_public_name_has_an_example_that_is_run():
    things = public_callables()
    assert len(things) > 150
    assert [".".join(at) for at, thing in things.items() if not has_examples(thing)] == []


def test_a_missing_example_would_be_noticed():
    assert not has_examples(metameric._core.errors.MetamericError)
    assert not has_examples(examples)


def test_every_guarantee_is_kept_by_a_test_that_exists():
    promised = re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / "guarantees.md").read_text())
    assert len(promised) > 20
    for file, name in promised:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), f"{file} has no test {name}"
