"""The notebook: stored without outputs, in plain Python, and all cells run."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys

import pytest

from groupnet_det.runtime.backends.extension import is_built
from tests.conftest import ROOT

from .test_tutorials import imports

NOTEBOOK = json.loads((ROOT / "demo/quick_start.ipynb").read_text())
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_stored_without_outputs():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["metadata"]["kernelspec"]["name"]) == (4, "python3")
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(ids) == len(set(ids))
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.parametrize("code", CELLS, ids=range(len(CELLS)))
def test_cells_are_plain_python_and_import_what_there_is(code):
    ast.parse(code)
    for module, name in imports(code):
        found = importlib.import_module(module)
        assert name is None or hasattr(found, name), f"{module} has no {name}"


def test_it_installs_where_nothing_is_installed(monkeypatch):
    """A cell with what it would run, instead of running it."""
    ran = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda words, check: ran.append((words, check)))
    with pytest.raises(AssertionError, match="set REPOSITORY"):
        exec(CELLS[0], {})
    assert ran == []
    exec(CELLS[0].replace('""', '"https://host/name"'), {})
    assert all(check for _, check in ran)
    assert [words[2] for words, _ in ran] == ["pip", "pip", "groupnet_det"]
    assert ran[1][0][-1] == "groupnet-det[photo-digits] @ git+https://host/name"


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_it_runs(tmp_path):
    code = "\n\n".join(CELLS)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "DETECTRON2_DATASETS": str(tmp_path / "datasets"),
        "MPLBACKEND": "agg",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (right,) = re.findall(r"^([\d.]+) % of 1,000 images are right$", done.stdout, re.MULTILINE)
    assert float(right) > 90
    trained, packed = re.findall(r"^([\d,]+) bytes trained, ([\d,]+) packed$", done.stdout, re.M)[0]
    assert int(packed.replace(",", "")) * 4 < int(trained.replace(",", ""))
    assert (tmp_path / "digits.png").stat().st_size > 5000
