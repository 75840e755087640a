"""Python, configs and commands that the pages name."""

import ast
import importlib
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from groupnet_det.cli import COMMANDS, flags_module
from groupnet_det.config import load_config
from tests.conftest import ROOT

from .markdown import blocks, pages

PAGES = [page for page in pages(ROOT) if page.name != "CHANGELOG.md"]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
OPTIONAL = {"onnxruntime"}  # of extras


def named(paths):
    return {"argvalues": paths, "ids": [str(path.relative_to(ROOT)) for path in paths]}


def imports(code):
    """Modules, and names in them, that code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("page", **named([p for p in PAGES if blocks(p.read_text(), "python")]))
def test_python_blocks_parse_and_import_what_there_is(page):
    for code in blocks(page.read_text(), "python"):
        for module, name in imports(code):
            if module in OPTIONAL:
                continue
            found = importlib.import_module(module)
            assert name is None or hasattr(found, name), f"{module} has no {name}"


def test_the_config_of_the_tutorial_is_one(tmp_path):
    (text,) = blocks((ROOT / "docs/tutorials/train.md").read_text(), "yaml")
    path = tmp_path / "my_detector.yaml"
    path.write_text(text.replace("_BASE_: ", f"_BASE_: {ROOT}/"))
    cfg = load_config(str(path))
    assert cfg.MODEL.META_ARCHITECTURE == "GroupNetRetinaNet"
    assert [entry["NAME"] for entry in cfg.DATASETS.CUSTOM] == ["mine_train", "mine_val"]
    written = yaml.safe_load(text)
    assert written["MODEL"]["RETINANET"]["NUM_CLASSES"] == cfg.MODEL.RETINANET.NUM_CLASSES


def commands(page):
    """The commands of a page's sh blocks, word by word."""
    for block in blocks(page.read_text(), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


TOOL_COMMANDS = [
    pytest.param(words, id=f"{page.stem}-{number}-{words[1]}")
    for page in TUTORIALS
    for number, words in enumerate(commands(page))
    if words[0] == "python"
]


@pytest.mark.parametrize("words", TOOL_COMMANDS)
def test_commands_name_tools_flags_and_keys_that_there_are(words):
    script = ROOT / words[1]
    assert script.is_file()
    (module,) = re.findall(r"from (groupnet_det\.\S+) import main", script.read_text())
    folder, _, name = module.rpartition(".")
    if words[1] == "tools/benchmark.py":  # the parts of one command
        folder, name = "groupnet_det.commands.benchmark", f"benchmark_{words[2]}"
    shown = getattr(importlib.import_module(flags_module(folder)), name)().format_help()
    for flag in (word for word in words if word.startswith("--")):
        assert re.search(rf"{flag}\b", shown), flag
    keys = [i for i, word in enumerate(words) if re.fullmatch(r"[A-Z_]+(\.[A-Z_]+)*", word)]
    load_config("", [word for i in keys for word in words[i : i + 2]])


PROGRAM_COMMANDS = [
    pytest.param(words[1], words[2:], id=f"{page.stem}-{number}")
    for page in TUTORIALS
    for number, words in enumerate(commands(page))
    if words[0] == "groupnet-det"
]


@pytest.mark.parametrize(("name", "words"), PROGRAM_COMMANDS)
def test_commands_of_the_program_take_what_is_typed(name, words):
    parser = COMMANDS[name].parser()
    assert parser is not None
    load_config("", getattr(parser.parse_args(words), "opts", []))  # some commands take no keys


@pytest.mark.slow
def test_the_python_of_the_plug_in_tutorial_runs_and_prints_what_the_page_says():
    text = (ROOT / "docs/tutorials/plug-in.md").read_text()
    code = "\n".join(blocks(text, "python"))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for shown in blocks(text, "text"):
        for line in shown.splitlines():
            assert line == "…" or line.strip() in done.stdout
