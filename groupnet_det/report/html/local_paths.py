"""Texts without the folders of the machine that a report is made on."""

import re
from pathlib import Path

# A path from the root on: not the end of a word, of a relative path or of an address.
ABSOLUTE = re.compile(r"(?<![\w.~…:/-])/(?:[^\s/'\"\[\](){},:;]+/)+(?=[^\s/'\"\[\](){},:;])")


def without_folders(text: str, *, folder: Path) -> str:
    """Shorten absolute paths: below the parent of `folder` or the current folder to relative ones,
    below the home folder to ``~/``, and others to ``…/`` and their last part.

    Args:
        text: Any text, such as a message or a config.
        folder: ``OUTPUT_DIR``.
    """
    starts = {str(folder.absolute().parent): "", str(Path.cwd()): "", str(Path.home()): "~/"}
    for start, instead in starts.items():
        if len(Path(start).parts) > 1:  # the root is no folder of anybody
            text = re.sub(rf"(?<![\w.~…:/-]){re.escape(start)}/", instead, text)
    return ABSOLUTE.sub("…/", text)
