"""Sphinx configuration: everything is built offline and warnings are errors."""

import os
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"


import metameric

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import torchvision_schemas

torchvision_schemas.declare()

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "metameric"
author = "The metameric developers"
release = version = metameric.__version__
extensions = [
    "breaks",
    "command_line",
    "mathtext",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
autosummary_generate = True
templates_path = ["_templates"]
html_static_path = ["_static"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = True
default_role = "code"
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": True}
html_math_renderer = "mathtext"
html_css_files = ["metameric.css"]
html_title = "metameric"
# Pages without pages below them would have an empty column; the code and the pictures of the gallery want the room.
_LEAVES = (
    "index",
    "gallery/**",
    "start",
    "choose",
    "stimuli",
    "command-line",
    "extend",
    "from-plenoptic",
    "guarantees",
)
html_sidebars = {page: [] for page in _LEAVES}
exclude_patterns = ["_build", "examples", "api/generated/.placeholder"]
suppress_warnings = ["config.cache"]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "nested_sections": True,
    "subsection_order": [
        "examples/ideas",
        "examples/methods",
        "examples/models",
        "examples/extend",
        "examples/reproduce",
    ],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,  # pages of them want scripts from the network
    "min_reported_time": 1e9,
    "capture_repr": (),  # what a script prints, and not what its last line happens to return
    "copyfile_regex": r".*\.rst",
}
nitpicky = False
