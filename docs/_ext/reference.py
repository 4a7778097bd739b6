"""API reference: a page for every public name, written from the packages' own lists; a missing one is a warning."""

import importlib
import inspect
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

# What the packages are for, in the order in which the reference shows them.
PACKAGES = {
    "metameric": "Syntheses and their parts",
    "metameric.data": "Images and synthetic stimuli",
    "metameric.process": "Operations on images",
    "metameric.models": "Models",
    "metameric.metric": "Image-quality metrics",
    "metameric.loss": "Losses",
    "metameric.regularize": "Penalties",
    "metameric.problems": "Problems with known answers",
    "metameric.validate": "Checks of models, metrics and penalties",
    "metameric.plot": "Plots",
    "metameric.io": "Files",
    "metameric.stimuli": "Stimulus sets",
    "metameric.external": "Results of others",
}
_LIST = """.. currentmodule:: {0}

.. automodule:: {0}
   :no-members:

.. autosummary::
   :toctree:
   :nosignatures:

"""


def public_names(package: str) -> list[str]:
    """List the public names of a package that are not packages themselves, without metadata."""
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", None)
    if listed is None:
        own = (n for n, o in vars(module).items() if getattr(o, "__module__", None) == package and inspect.isclass(o))
        listed = [n for n in own if not n.startswith("_")]
    return [n for n in listed if not n.startswith("__") and not inspect.ismodule(getattr(module, n))]


def write_pages(folder: Path) -> None:
    """Write one page per package, which lists its names; autosummary makes a page of each of these."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {*PACKAGES, *(f"{package}.{name}" for package in PACKAGES for name in public_names(package))}
    for page in folder.glob("*.rst"):
        if page.stem not in known:
            page.unlink()
    for package, title in PACKAGES.items():
        names = "".join(f"   {name}\n" for name in public_names(package))
        text = f"{title}\n{'=' * len(title)}\n\n{_LIST.format(package)}{names}"
        page = folder / f"{package}.rst"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def missing(app: Sphinx) -> list[str]:
    """List the public names that no page documents."""
    documented = app.env.domaindata["py"]["objects"]
    wanted = [f"{package}.{name}" for package in PACKAGES for name in public_names(package)]
    return [name for name in wanted if name not in documented]


def _check(app: Sphinx, env: object) -> None:
    for name in missing(app):
        logging.getLogger(__name__).warning("%s has no page in the API reference", name, type="reference")


def _describe_data(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Describe a constant by the text below its definition, which autodoc seeks in the package that shows it."""
    if what != "data":
        return
    package, _, short = name.rpartition(".")
    for module in [m for m in sys.modules if m.startswith(f"{package}._")]:
        text = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", short))
        if text:
            lines[:] = text


def _find_again(app: Sphinx) -> None:
    # A build that goes on from an earlier one only knows the pages of that one.
    app.env.find_files(app.config, app.builder)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages now, before autosummary looks for them, and check the outcome once all are read."""
    write_pages(Path(app.srcdir) / "api" / "generated")
    app.connect("builder-inited", _find_again, priority=100)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _describe_data)
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
