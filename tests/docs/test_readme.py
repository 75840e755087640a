"""README.md: short, and what it says to type works."""

import re
import shlex

import pytest

import groupnet_det
from groupnet_det import api
from groupnet_det.cli import COMMANDS
from groupnet_det.runtime.backends.extension import is_built
from tests.conftest import ROOT, write_noise_images

from .markdown import blocks
from .readme_paths import missing_paths

TEXT = (ROOT / "README.md").read_text()
(QUICK_START,) = blocks(TEXT, "python")
SHORT = {
    "MODEL.GROUPNET.WIDTH": 0.125,
    "SOLVER.MAX_ITER": 2,
    "SOLVER.IMS_PER_BATCH": 2,
    "DATALOADER.NUM_WORKERS": 0,
    "TEST.EVAL_PERIOD": 0,
}


def test_it_has_500_words_at_most():
    assert len(TEXT.split()) <= 500


@pytest.fixture
def short_trainings(monkeypatch):
    """`train` with less of the same."""
    train = api.train

    def short(config, overrides=None, **options):
        return train(config, {**SHORT, **(overrides or {})}, use_gpu=False, **options)

    monkeypatch.setattr(groupnet_det.api, "train", short)


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
@pytest.mark.usefixtures("short_trainings", "datasets_env")
def test_the_quick_start_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_noise_images(tmp_path, {"photo": 1}, shape=(160, 160, 3))
    next((tmp_path / "photo").iterdir()).rename(tmp_path / "photo.jpg")
    exec(compile(QUICK_START, "README.md", "exec"), {})
    assert (tmp_path / "detector/model_final.pth").is_file()
    assert (tmp_path / "detector.gnp").is_file()
    assert "tensor" in capsys.readouterr().out


def test_own_data_is_one_command():
    (part,) = re.findall(r"^## Your own data\n\n(.*?)\n\n## ", TEXT, re.MULTILINE | re.DOTALL)
    assert len([line for line in part.splitlines() if line.strip()]) <= 5
    assert len(re.findall("^    groupnet-det train --data ", part, re.MULTILINE)) == 1


@pytest.mark.parametrize("line", re.findall(r"^    groupnet-det (.*)$", TEXT, re.MULTILINE))
def test_commands_take_what_is_typed(line):
    name, *words = shlex.split(line)
    parser = COMMANDS[name].parser()
    assert parser is not None
    parser.parse_args(words)


def test_every_path_is_there_when_it_is_typed():
    assert missing_paths(TEXT, ROOT) == []


@pytest.fixture
def before_any_command(tmp_path):
    """The checkout without what commands have written there."""
    for path in ROOT.iterdir():
        if path.name != "output":
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("    make demo\n\nSee `output/demo_full/report.html`", []),
        ("See `output/demo_full/report.html`", ["output/demo_full/report.html"]),
        ("    make demo\n\nSee `output/demo_full/no.html`", ["output/demo_full/no.html"]),
        ("    make demo\n    groupnet-det demo --weights output/demo_full/model.gnp", []),
        ("    groupnet-det demo --weights detector.gnp --input photo.jpg", ["detector.gnp"]),
        (
            "    python tools/absent.py --output a.gnp\n    groupnet-det demo --weights a.gnp",
            ["tools/absent.py"],
        ),
        ("    groupnet-det train quick/absent OUTPUT_DIR a", ["quick/absent"]),
    ],
    ids=["demo", "before", "no-output", "weights", "never-made", "tool", "config"],
)
def test_paths_that_are_not_there_are_found(before_any_command, text, missing):
    assert missing_paths(text, before_any_command) == missing


@pytest.mark.parametrize("target", re.findall(r"^    make (\w+)", TEXT, re.MULTILINE))
def test_targets_of_make_are_there(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
