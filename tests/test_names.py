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
        elif isinstance(node, ast.Assign):
            names = (target.id for target in node.targets if isinstance(target, ast.Name))
            yield from ((n, ast.unparse(node.value)) for n in names if ALIAS.fullmatch(n))


def constants(package: Path) -> dict[tuple[str, str], str]:
    """Values of the constants of all modules, by module and name."""
    found = {}
    for path in package.rglob("*.py"):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                value = ast.unparse(node.value)
                names = (
                    name.id for each in targets for name in ast.walk(each) if hasattr(name, "id")
                )
                found |= {(module, name): value for name in names if name.isupper()}
    return found


def imported_constants(package: Path) -> Iterator[tuple[str, str]]:
    """Constants that modules import from each other, each with its value."""
    values = constants(package)
    for path in package.rglob("*.py"):
        inside = path.relative_to(package.parent).parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                start = inside[: -node.level] if node.level else ()
                module = ".".join([*start, *filter(None, [node.module])])
                found = ((alias.name, values.get((module, alias.name))) for alias in node.names)
                yield from ((name, value) for name, value in found if value is not None)


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
    assert ambiguous(imported_constants(root / NAME)) == {}


def test_no_two_modules_have_one_base_name(root):
    named = ((path.stem, str(path)) for path in modules(root) if path.stem != "__init__")
    assert ambiguous(named) == {}


def test_names_of_two_meanings_are_found(tmp_path):
    package = tmp_path / NAME / "inner"
    package.mkdir(parents=True)
    (package / "a.py").write_text("Size = int\nLEAST, MOST = 1, 9\ndef fit():\n    pass\n")
    (package / "b.py").write_text("Size = float\nfrom .a import LEAST\nclass fit: pass\n")
    (package.parent / "a.py").write_text(f"Size = int\nfrom {NAME}.b import LEAST\n_own = 1\n")
    (package.parent / "b.py").write_text("LEAST: int = 2\nfrom .inner.a import MOST\n")
    files = modules(tmp_path)
    names = ambiguous(pair for path in files for pair in public_names(path))
    assert names == {
        "Size": {"int", "float"},
        "fit": {str(package / "a.py"), str(package / "b.py")},
    }
    assert ambiguous(imported_constants(tmp_path / NAME)) == {"LEAST": {"(1, 9)", "2"}}


RIDDLES = re.compile(r"(As|By|From|How|Of|That|Those|What|When|Where|Whether|Which|Who|Why)\b")


def test_docstrings_of_modules_start_with_a_noun_or_a_verb(root):
    folders = (NAME, "tests", "tools", "docs", "datasets", "demo")
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    docs = {str(path): ast.get_docstring(ast.parse(path.read_text())) or "" for path in paths}
    assert [path for path, text in docs.items() if RIDDLES.match(text)] == []
