"""Public names and names of modules have one meaning each."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

NAME = "groupnet_det"
# Every command has these; modules of flags name each parser after its command.
OF_EVERY_COMMAND = {"main", "run", "parse_arguments"}
ALIAS = re.compile(r"[A-Z][A-Za-z]*[a-z][A-Za-z]*")  # PathLike, but not SEED


def public_names(path: Path) -> Iterator[tuple[str, str]]:
    """Names that a module defines, with what they mean: functions and classes mean themselves,
    aliases of types their value."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, str(path)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if ALIAS.fullmatch(node.targets[0].id):
                yield node.targets[0].id, ast.unparse(node.value)


def imported_constants(path: Path) -> Iterator[tuple[str, str]]:
    """Constants that a module imports from the package, each with its module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith(NAME)):
            above = path.parents[node.level - 1].parts if node.level else ()
            base = above[above.index(NAME) :] if above else ()
            module = ".".join([*base, *filter(None, [node.module])])
            yield from ((a.name, module) for a in node.names if a.name.isupper())


def ambiguous(pairs: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    meanings = defaultdict(set)
    for name, meaning in pairs:
        meanings[name].add(meaning)
    return {name: several for name, several in meanings.items() if len(several) > 1}


def modules(root: Path) -> list[Path]:
    return sorted((root / NAME).rglob("*.py"))


def test_a_public_name_has_one_meaning(root):
    files = [path for path in modules(root) if not path.name.endswith("_flags.py")]
    found = ambiguous(pair for path in files for pair in public_names(path))
    assert found.keys() - OF_EVERY_COMMAND == set(), found


def test_a_constant_that_is_imported_has_one_meaning(root):
    found = ambiguous(pair for path in modules(root) for pair in imported_constants(path))
    assert found == {}


def test_no_two_modules_have_one_base_name(root):
    named = ((path.stem, str(path)) for path in modules(root) if path.stem != "__init__")
    assert ambiguous(named) == {}


def test_names_of_two_meanings_are_found(tmp_path):
    package = tmp_path / NAME / "inner"
    package.mkdir(parents=True)
    (package / "a.py").write_text("Size = int\nLEAST = 1\ndef fit():\n    pass\n")
    (package / "b.py").write_text("Size = float\nfrom .a import LEAST\nclass fit: pass\n")
    (package.parent / "a.py").write_text(f"Size = int\nfrom {NAME}.b import LEAST\n_own = 1\n")
    files = modules(tmp_path)
    names = ambiguous(pair for path in files for pair in public_names(path))
    assert names == {
        "Size": {"int", "float"},
        "fit": {str(package / "a.py"), str(package / "b.py")},
    }
    constants = ambiguous(pair for path in files for pair in imported_constants(path))
    assert constants == {"LEAST": {f"{NAME}.inner.a", f"{NAME}.b"}}


RIDDLES = re.compile(r"(As|By|From|How|Of|That|Those|What|When|Where|Whether|Which|Who|Why)\b")


def test_docstrings_of_modules_start_with_a_noun_or_a_verb(root):
    folders = (NAME, "tests", "tools", "docs", "datasets", "demo")
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    docs = {str(path): ast.get_docstring(ast.parse(path.read_text())) or "" for path in paths}
    assert [path for path, text in docs.items() if RIDDLES.match(text)] == []
