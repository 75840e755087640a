"""Packages import one way, in the order that CONTRIBUTING.md states."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "groupnet_det"


@pytest.fixture(scope="module")
def order(root):
    """Members of the package, packages and modules; each may import those before it."""
    (block,) = re.findall(r"```text\n(.*?)```", (root / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return re.findall(r"\w+", block)


def imports_of(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that a file imports from its package, in functions too."""
    inside = path.relative_to(package.parent).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        start = []
        if isinstance(node, ast.ImportFrom):
            base = inside[: -node.level] if node.level else ()
            start = [*base, *filter(None, [node.module])]
        names = [".".join([*start, alias.name]) for alias in node.names]
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == NAME)


def member_of(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def violations(package: Path, order: list[str]) -> list[str]:
    """``file:line: what is imported where it must not be``."""
    found = []
    for path in sorted(package.rglob("*.py")):
        if path == package / "__init__.py":
            continue
        member = member_of(path, package)
        allowed = set(order[: order.index(member) + 1])
        for line, name in imports_of(path, package):
            if name.partition(".")[2].split(".")[0] not in allowed:
                found.append(f"{path}:{line}: {member} imports {name}")
    return found


def test_the_order_names_each_member_once(root, order):
    package = root / NAME
    members = {member_of(path, package) for path in package.rglob("*.py")} - {"__init__"}
    assert sorted(order) == sorted(members)


def test_nothing_imports_what_stands_behind_it(root, order):
    assert violations(root / NAME, order) == []


@pytest.mark.parametrize(
    ("code", "imported"),
    [
        ("import groupnet_det.high.part", "groupnet_det.high.part"),
        ("from groupnet_det.high import part", "groupnet_det.high.part"),
        ("from groupnet_det import high", "groupnet_det.high"),
        ("from ..high.part import thing", "groupnet_det.high.part.thing"),
        ("from .. import high", "groupnet_det.high"),
        ("def function():\n    from ..high import part", "groupnet_det.high.part"),
        ("from groupnet_det import train", "groupnet_det.train"),
        ("import groupnet_det", "groupnet_det"),
    ],
    ids=[
        *("import", "from", "from package", "relative", "relative package"),
        *("in a function", "public name", "whole package"),
    ],
)
def test_imports_against_the_order_are_found(tmp_path, code, imported):
    package = tmp_path / NAME
    for member in ("low", "high"):
        (package / member).mkdir(parents=True)
    (package / "high/part.py").write_text("from ..low import part\nfrom . import other\n")
    path = package / "low/part.py"
    path.write_text(f"import os\nfrom groupnet_det.version import __version__\n{code}\n")
    line = 3 + code.count("\n")
    assert violations(package, ["low", "high"]) == [f"{path}:{line}: low imports {imported}"]
