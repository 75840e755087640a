"""Pages of the repository, and the blocks and links in them."""

import re
from itertools import chain
from pathlib import Path

_FENCE = re.compile(r"^(```+|~~~+)(.*?)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    """All Markdown files that readers see."""
    folders = root.glob("*.md"), (root / "docs").rglob("*.md")
    return sorted([root / "datasets" / "README.md", *chain(*folders)])


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return [match[3] for match in _FENCE.finditer(text) if match[2].strip() == language]


def links(text: str) -> list[str]:
    """Targets of links and pictures in this repository, outside of code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return [target for target in _LINK.findall(prose) if "://" not in target]


def anchors(text: str) -> set[str]:
    """What the headings are called in links, as GitHub and MyST make it of them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCE.sub("", text))
    }
