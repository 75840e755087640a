"""Configuration of Sphinx: ``make docs`` builds these pages into build/docs."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))

from sphinx.application import Sphinx

from groupnet_det import __version__

project = "groupnet_det"
author = "The groupnet_det authors"
copyright = "2026, the groupnet_det authors. Apache-2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "config_reference",
    "inline_drawings",
    "repository_pages",
]
exclude_patterns = ["_ext", "_static"]
# Left out of the table of contents where they are missing.
OPTIONAL_PAGES = {
    *("tutorials/quick-start", "understand/complexity", "use/report", "use/web-demo"),
}

myst_heading_anchors = 3

# Docstrings: Google's layout, and single backticks around names.
default_role = "py:obj"
autoclass_content = "both"
autodoc_inherit_docstrings = False  # torch says of each `forward` what it is
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False

# Every reference to what the API pages have must be found. Left out are what single backticks name
# in passing, private names, and what is elsewhere.
API_PAGES = (Path(__file__).parent / "api").glob("*.md")
MODULES = {
    name for page in API_PAGES for name in re.findall(r"automodule:: (\S+)", page.read_text())
}
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    ("py:.*", rf"(?!({'|'.join(map(re.escape, sorted(MODULES)))})\.\w+$).*"),
    ("py:.*", r"groupnet_det\..*\.(_\w+|T|R)"),
]

html_theme = "furo"
html_title = "groupnet_det"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5fa5", "color-brand-content": "#0b5fa5"},
    "dark_css_variables": {"color-brand-primary": "#6cb6f5", "color-brand-content": "#6cb6f5"},
}
html_show_sphinx = False


def drop_missing_pages(app: Sphinx, docname: str, content: list[str]) -> None:
    if docname == "index":
        missing = OPTIONAL_PAGES - app.env.found_docs
        content[0] = "\n".join(line for line in content[0].splitlines() if line not in missing)


def setup(app: Sphinx) -> None:
    app.connect("source-read", drop_missing_pages)
