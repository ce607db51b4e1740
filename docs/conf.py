"""Settings of the documentation site: `sphinx-build -W docs docs/_site`, with the extra `docs` installed."""

from __future__ import annotations

import sys
from pathlib import Path

import langevin_ib

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "langevin_ib"
author = "the authors of langevin_ib"
copyright = author
version = release = langevin_ib.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "plain_docstrings",
    "rooms",
    "gallery",
]
exclude_patterns = ["scripts", "site", "_site", "gallery/*.txt"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# What is indented in our pages is formulas, and a block of code says its language.
highlight_language = "none"
# A name in single backticks leads to its entry in the reference if it has one.
default_role = "py:obj"
add_module_names = False
# Types stand in the docstrings, in words and with shapes.
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"langevin_ib {version}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sphinx = False
