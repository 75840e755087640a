"""Packages import one way, in the order that CONTRIBUTING.md states."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
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


def test_nothing_imports_what_stands_after_it(root, order):
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
    assert violations(package, ["version", "low", "high"]) == [
        f"{path}:{line}: low imports {imported}"
    ]


def links(package: Path) -> dict[tuple[str, ...], set[tuple[str, str]]]:
    """By folder: which of its entries imports which other, in whatever depth of these."""
    found: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    modules = {path.relative_to(package).with_suffix("").parts for path in package.rglob("*.py")}
    for path in package.rglob("*.py"):
        here = path.relative_to(package).with_suffix("").parts
        for _, name in imports_of(path, package):
            there = tuple(name.split(".")[1:])
            if there not in modules:  # a name of a module
                there = there[:-1]
            shared = next((i for i, (a, b) in enumerate(zip(here, there)) if a != b), None)  # noqa: B905
            if shared is not None and here != ("__init__",):
                found.setdefault(here[:shared], set()).add((here[shared], there[shared]))
    return found


def circles(pairs: set[tuple[str, str]]) -> set[str]:
    """What reaches itself."""

    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            step = waiting.pop()
            new = {there for here, there in pairs if here == step} - seen
            seen |= new
            waiting += new
        return seen

    return {here for here, _ in pairs if here in reached(here)}


def test_folders_of_a_package_import_one_way(root):
    found = {"/".join(folder): circles(pairs) for folder, pairs in links(root / NAME).items()}
    assert {folder: names for folder, names in found.items() if names} == {}


def included_folders(csrc: Path) -> dict[tuple[str, ...], set[tuple[str, str]]]:
    """By folder of C++: which of its folders and files includes which, where one is a folder."""
    found: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for path in [*csrc.rglob("*.h"), *csrc.rglob("*.cpp")]:
        here = path.relative_to(csrc).parts
        for name in re.findall(r'#include "(.+)"', path.read_text()):
            there = tuple(name.split("/"))
            assert (csrc / name).is_file(), f"{path} includes {name}, which must start at {csrc}"
            shared = next((i for i, (a, b) in enumerate(zip(here, there)) if a != b), None)  # noqa: B905
            if shared is not None and here[:-1] != there[:-1]:
                found.setdefault(here[:shared], set()).add((here[shared], there[shared]))
    return found


def test_folders_of_the_engine_include_one_way(root):
    found = included_folders(root / NAME / "csrc")
    assert ("weights", "format") in found[("core",)]
    assert {"/".join(folder): circles(pairs) for folder, pairs in found.items()} == {
        "/".join(folder): set() for folder in found
    }


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({("a", "b"), ("b", "c"), ("a", "c")}, set()),
        ({("a", "b"), ("b", "c"), ("c", "b")}, {"b", "c"}),
        ({("a", "a")}, {"a"}),
    ],
    ids=["one way", "two", "itself"],
)
def test_circles_are_found(pairs, expected):
    assert circles(pairs) == expected


def source_files(root: Path) -> list[Path]:
    kinds = ("*.py", "*.cpp", "*.h")
    return sorted(path for kind in kinds for path in (root / NAME).rglob(kind))


def test_no_file_has_more_than_300_lines(root):
    long = {
        str(path): n for path in source_files(root) if (n := len(path.open().readlines())) > 300
    }
    assert long == {}


# More than 12 entries are allowed here, and below `tests`, which mirrors the package.
LARGE_FOLDERS = {
    "": "tools look for their files in the root of a repository",
    NAME: "one entry for each package and public module of the order in CONTRIBUTING.md",
    "docs/api": "one page for each package",
    "tools": "one script for each command",
}


def folder_sizes(files: Iterable[str]) -> dict[str, int]:
    """The number of entries of each folder, without ``__init__.py``."""
    entries: dict[str, set[str]] = {}
    for file in files:
        parts = file.split("/")
        for depth, name in enumerate(parts):
            if name != "__init__.py":
                entries.setdefault("/".join(parts[:depth]), set()).add(name)
    return {folder: len(names) for folder, names in entries.items()}


def test_no_folder_has_more_than_12_entries(root):
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not in a repository of git, which lists the files")
    sizes = folder_sizes(file for file in listed.stdout.split("\n") if file[:6] != "tests/")
    large = {folder for folder, size in sizes.items() if size > 12}
    assert large - LARGE_FOLDERS.keys() == set()
    assert LARGE_FOLDERS.keys() - large == set(), "no longer large: remove it from the table"


def test_entries_of_folders_are_counted():
    files = ["a/__init__.py", "a/b.py", "a/c/d.py", "a/c/e.py", "f"]
    assert folder_sizes(files) == {"": 2, "a": 2, "a/c": 2}
