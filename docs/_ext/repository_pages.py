"""Sphinx: files of the repository outside of docs/ as pages, with links that work in both places.

A page of `PAGES` is a stub in docs/ that links to a file; here it becomes that file. Links between
all Markdown files of the repository are written as the repository needs them; those to such a file
are turned to its page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
# From the pages of the documentation to files of the repository.
PAGES = {
    "project/install": "INSTALL.md",
    "project/data": "datasets/README.md",
    "project/model-zoo": "MODEL_ZOO.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/changelog": "CHANGELOG.md",
}
_LINK = re.compile(r"(?<=\]\()([^()\s]+)(?=\))")
_FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def page_text(docname: str, text: str) -> str:
    """Markdown of a page, `text` where the page is not another file, with the links fixed."""
    source = PAGES.get(docname)
    if source is not None:
        text = (ROOT / source).read_text()
    fences = [match.span() for match in _FENCE.finditer(text)]
    return _LINK.sub(
        lambda match: (
            match[0]
            if any(start <= match.start() < end for start, end in fences)
            else turned_link(match[0], source or f"docs/{docname}.md", docname)
        ),
        text,
    )


def turned_link(target: str, source: str, docname: str) -> str:
    """A link in the file `source`, as the page `docname` needs it."""
    path, hash_sign, anchor = target.partition("#")
    if not path or "://" in target or path.startswith("mailto:"):
        return target
    file = os.path.normpath(os.path.join(os.path.dirname(source), path))
    pages = {own: f"docs/{page}.md" for page, own in PAGES.items()}
    turned = os.path.relpath(pages.get(file, file), os.path.dirname(f"docs/{docname}.md"))
    return f"{turned}{hash_sign}{anchor}"


def _replace_source(app: Sphinx, docname: str, content: list[str]) -> None:
    if docname in PAGES:
        app.env.note_dependency(str(ROOT / PAGES[docname]), docname=docname)
    if os.fspath(app.env.doc2path(docname, base=False)).endswith(".md"):
        content[0] = page_text(docname, content[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", _replace_source)
    return {"parallel_read_safe": True}
