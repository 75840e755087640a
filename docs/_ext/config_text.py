"""The config reference as Markdown, with a `confval` for each key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from config_keys import Comments, Key

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|])")
# Quoted values, dotted keys, words in capitals with an underscore, file names with a folder.
_CODE = re.compile(
    r'"[^"]*"|\b[a-z_]+/[a-z_/]+\.py\b|\b[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)+\b|\b[A-Z]+_[A-Z0-9_]+\b'
)

# Pages of the documentation that comments name as files.
_PAGES = {
    "docs/understand/networks.md": "../understand/networks.md",
    "datasets/README.md": "../project/data.md",
}


def reference_text(keys: Sequence[Key], comments: Comments) -> str:
    """All keys, section by section, each section under a heading of its own."""
    order = list(dict.fromkeys(key.section for key in keys))
    by_section = sorted(keys, key=lambda key: order.index(key.section))
    return "\n".join(
        section_text(name, list(members), comments.sections.get(name, ()))
        for name, members in groupby(by_section, key=lambda key: key.section)
    )


def section_text(name: str, keys: Sequence[Key], comment: Sequence[str]) -> str:
    names = {key.name.rpartition(".")[2] for key in keys}
    # What a section says is not said again of each key.
    parts = [f"## {name}\n", prose(comment, names)]
    for key in keys:
        parts.append(key_text(key, names, said=tuple(comment)))
    return "\n".join(parts) + "\n"


def key_text(key: Key, names: Iterable[str], said: Sequence[str] = ()) -> str:
    text = "" if key.comment == tuple(said) else prose(key.comment, names)
    value = '""' if key.default == "" else str(key.default)
    return (
        f"````{{confval}} {key.name}\n"
        f":type: {type(key.default).__name__}\n"
        f":default: ``{value}``\n\n"
        f"{text}````\n"
    )


def prose(comment: Sequence[str], names: Iterable[str]) -> str:
    """A comment as paragraphs and lists: a line that is indented by two spaces starts an item."""
    lines: list[str] = []
    for line in comment:
        depth = len(line) - len(line.lstrip())
        if depth == 2:
            lines.append(f"* {line.strip()}")
        elif lines and (depth > 2 or not lines[-1].startswith("* ")):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.strip())
    return "".join(f"{_marked_up(line, set(names))}\n\n" for line in lines)


def _marked_up(line: str, names: set[str]) -> str:
    """Values and keys as code, what Markdown would take for its own escaped."""
    bullet = "* " if line.startswith("* ") else ""
    rest = line.removeprefix("* ")
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    code = re.compile(f"{_CODE.pattern}|\\b(?:{words})\\b") if words else _CODE
    parts, end = [], 0
    for match in code.finditer(rest):
        parts += [_escaped(rest[end : match.start()]), f"`{_unquoted(match[0])}`"]
        end = match.end()
    text = bullet + "".join([*parts, _escaped(rest[end:])])
    for file, page in _PAGES.items():
        text = text.replace(file, f"[{file}]({page})")
    return text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _unquoted(value: str) -> str:
    return value.strip('"') or value
