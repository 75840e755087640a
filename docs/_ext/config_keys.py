"""The config keys of groupnet_det with the comments that stand beside them in its source.

Keys and defaults come from `define_keys` itself; only the comments are read from the source, by
following that function through the files ``groupnet_det/config/*.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENTRY = "define_keys"
SECTION = "CfgNode"


@dataclass(frozen=True, kw_only=True)
class Key:
    """One config key.

    Attributes:
        name: Such as ``MODEL.GROUPNET.NUM_BASES``.
        default: Its value.
        comment: Lines beside it, without the number signs. A comment is that of the line below, and
            of those that follow without an empty line or another comment.
    """

    name: str
    default: Any
    comment: tuple[str, ...]

    @property
    def section(self) -> str:
        return self.name.rpartition(".")[0]


@dataclass(kw_only=True)
class Comments:
    """Comments by dotted path: of keys, and of whole sections."""

    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sections: dict[str, tuple[str, ...]] = field(default_factory=dict)


class _Reader:
    """Follows assignments and calls, with the config node that each name stands for."""

    def __init__(self, files: list[Path]) -> None:
        self.functions: dict[str, tuple[ast.FunctionDef, list[str]]] = {}
        for file in files:
            text = file.read_text()
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name] = (node, text.splitlines())
        self.comments = Comments()

    def follow(self, name: str, path: str) -> None:
        """Read the function `name`, whose argument is the node at `path`."""
        function, lines = self.functions[name]
        nodes = {function.args.args[0].arg: path}
        comment: tuple[str, ...] = ()
        previous_end = 0
        for statement in function.body:
            above = _comment_above(lines, statement.lineno)
            if above or statement.lineno != previous_end + 1:
                comment = above
            previous_end = statement.end_lineno or statement.lineno
            if isinstance(statement, ast.Assign):
                self._assign(statement, nodes, comment)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self._call(statement.value, nodes)

    def _assign(
        self, statement: ast.Assign, nodes: dict[str, str], comment: tuple[str, ...]
    ) -> None:
        paths = [_path_of(t, nodes) for t in statement.targets if isinstance(t, ast.Attribute)]
        is_section = isinstance(statement.value, ast.Call) and _name(statement.value) == SECTION
        alias = _path_of(statement.value, nodes)
        for target in statement.targets:  # short names for a section
            if isinstance(target, ast.Name):
                nodes[target.id] = paths[0] or "" if paths else alias or ""
        if alias and not paths and not self.comments.sections.get(alias):
            self.comments.sections[alias] = comment
        found = self.comments.sections if is_section else self.comments.keys
        found.update({path: comment for path in paths if path})

    def _call(self, call: ast.Call, nodes: dict[str, str]) -> None:
        if _name(call) in self.functions:
            path = _path_of(call.args[0], nodes)
            assert path is not None
            self.follow(_name(call), path)


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _path_of(node: ast.expr, nodes: dict[str, str]) -> str | None:
    """Dotted path of an expression such as ``options.FPN.RELU``; nothing for others."""
    if isinstance(node, ast.Name):
        return nodes.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _path_of(node.value, nodes)
        return None if base is None else f"{base}.{node.attr}".lstrip(".")
    return None


def _comment_above(lines: list[str], number: int) -> tuple[str, ...]:
    """The comment that ends in the line before line `number`, which counts from 1."""
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#"):
            break
        found.insert(0, line.strip().removeprefix("#").removeprefix(" "))
    return tuple(found)


def source_files() -> list[Path]:
    """The files that add keys."""
    import groupnet_det.config

    return sorted(Path(groupnet_det.config.__file__).parent.glob("*.py"))


def read_comments(files: list[Path]) -> Comments:
    """All comments in `files`, one of which defines `ENTRY`."""
    reader = _Reader(files)
    reader.follow(ENTRY, "")
    return reader.comments


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a config."""
    from detectron2.config import CfgNode

    for name, value in node.items():
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def added_keys() -> list[tuple[str, Any]]:
    """The keys that groupnet_det adds to Detectron2's defaults, in the order of the source."""
    from detectron2.config import get_cfg

    from groupnet_det.config import add_config_keys

    theirs = {name for name, _ in leaves(get_cfg())}
    cfg = get_cfg()
    add_config_keys(cfg)
    return [(name, value) for name, value in leaves(cfg) if name not in theirs]


def read_keys() -> tuple[list[Key], Comments]:
    """All keys, in the order in which the source adds them, and all comments."""
    comments = read_comments(source_files())
    order = {name: number for number, name in enumerate(comments.keys)}
    keys = [
        Key(name=name, default=value, comment=comments.keys.get(name, ()))
        for name, value in added_keys()
    ]
    return sorted(keys, key=lambda key: order.get(key.name, len(order))), comments
