"""Choices as config files that people can read and edit: each value under its reason."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .choices.choice import Choice

CHOICES, TANH_CHOICES = "choices.yaml", "choices_tanh.yaml"
HEAD = """\
# Chosen for {what}. Edit what you like before the training starts, and give the same command again;
# or train by hand: groupnet-det train --config-file {name}
"""


def write_choices(path: Path, choices: Iterable[Choice], *, base: str, what: str) -> None:
    """Write a config file.

    Args:
        path: The file.
        choices: The last of a key counts.
        base: Value of ``_BASE_``.
        what: For the first line.
    """
    nested: dict[str, Any] = {}
    for choice in choices:
        *folders, name = choice.key.split(".")
        node = nested
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = choice
    head = HEAD.format(what=what, name=path)
    path.write_text(f"{head}_BASE_: {_text(base)}\n" + "\n".join(_lines(nested, 0)) + "\n")


def _lines(node: Mapping[str, Any], depth: int) -> Iterable[str]:
    margin = "  " * depth
    for key, value in node.items():
        if isinstance(value, Choice):
            yield f"{margin}# {value.why}"
            yield f"{margin}{key}: {_text(value.value)}"
        else:
            yield f"{margin}{key}:"
            yield from _lines(value, depth + 1)


def _text(value: Any) -> str:
    """In one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=1 << 20, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
