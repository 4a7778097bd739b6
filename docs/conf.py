"""Sphinx configuration: everything is built offline and warnings are errors."""

import sys
from pathlib import Path

import metameric

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "metameric"
author = "The metameric developers"
release = version = metameric.__version__
extensions = [
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
autosummary_generate = True
templates_path = ["_templates"]
html_static_path = ["_static"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
default_role = "code"
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": True}
html_title = "metameric"
exclude_patterns = ["_build", "api/generated/.placeholder"]
suppress_warnings = ["config.cache"]
nitpicky = False
