"""Sphinx: ``{config-reference}`` becomes the reference of all config keys of groupnet_det."""

from __future__ import annotations

from typing import Any

from config_keys import read_keys, source_files
from config_text import reference_text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ConfigReference(SphinxDirective):
    """One section for each config node, one entry for each key."""

    def run(self) -> list[nodes.Node]:
        for file in source_files():
            self.env.note_dependency(str(file))
        text = reference_text(*read_keys())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("config-reference", ConfigReference)
    return {"parallel_read_safe": True}
