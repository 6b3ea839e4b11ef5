"""Configuration of Sphinx: `make docs`. Needs the installed package, and no network."""

import sys
from pathlib import Path

import thinc

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "thinc"
author = "the thinc developers"
copyright = author
release = version = thinc.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "api",
    "drawings",
    "links",
]
exclude_patterns = ["_extensions"]

# Markdown
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# The API. In docstrings, `name` is a link wherever there is something of that name.
default_role = "py:obj"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True
strip_signature_backslash = True  # names that end with an underscore
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 160
add_module_names = False
nitpicky = True
nitpick_ignore_regex = [
    # Names of classes and their members must exist. In docstrings other words in backticks are mostly arguments,
    ("py:obj", r"(?![A-Z]\w*\.).*"),
    # and types are words, or classes of other packages.
    ("py:class", r"(?!thinc\.).*"),
    ("py:class", r"thinc\..*T"),  # variables of types
]
toc_object_entries_show_parents = "hide"

# What it looks like. Fonts are those of the reader's system; nothing comes from elsewhere.
html_theme = "furo"
html_title = f"thinc {release}"
html_static_path = ["_static"]
html_css_files = ["thinc.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
