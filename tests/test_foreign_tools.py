"""Packages of others named `tools`, `demo` or `datasets` hide nothing of ours.

Detectron2's own installation puts `tools` into site-packages.
"""

import ast
import os
import subprocess
import sys

import pytest

NAMES = ("tools", "demo", "datasets")


@pytest.fixture
def environment(root, tmp_path):
    """In which packages of these names come first, and fail when they are imported."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('foreign {name}')\n")
    path = os.pathsep.join([str(tmp_path), str(root), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def test_nothing_is_imported_from_the_folders_of_scripts(root):
    found = [
        (str(path), name)
        for folder in ("groupnet_det", "tests", "docs", "configs", *NAMES)
        for path in (root / folder).rglob("*.py")
        for name in imported_names(path)
        if name.partition(".")[0] in NAMES
    ]
    assert found == []


def test_the_stand_ins_come_first(environment, tmp_path):
    command = [sys.executable, "-c", "import tools"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "foreign tools" in done.stderr


@pytest.mark.parametrize("folder", ["commands", "tools", "engine", "benchmark"])
def test_tests_are_collected(environment, root, folder):
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"tests/{folder}"], env=environment, cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    "script", ["tools/export_packed.py", "demo/demo.py", "datasets/prepare_mnist5k.py"]
)
def test_scripts_run(environment, root, tmp_path, script):
    command = [sys.executable, str(root / script), "--help"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python {root / script} [-h]")
