"""Sphinx: our drawings stand in the page itself, so that they follow its light or dark colours.

As files, which a repository view shows, they follow the colours of the browser.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

FOLDER = "images/drawings/"


class InlineDrawings(SphinxPostTransform):
    """Replaces images of `FOLDER` by their SVG."""

    default_priority = 5
    formats = ("html",)

    def run(self, **_: Any) -> None:
        for image in list(self.document.findall(nodes.image)):
            if image["uri"].startswith(FOLDER) and image["uri"].endswith(".svg"):
                path = Path(self.app.srcdir) / image["uri"]
                svg = re.sub(r"^<\?xml.*?\?>\s*", "", path.read_text())
                label = nodes.make_id(path.stem)
                figure = f'<div class="drawing" id="drawing-{label}">{svg}</div>'
                image.replace_self(nodes.raw("", figure, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(InlineDrawings)
    return {"parallel_read_safe": True}
