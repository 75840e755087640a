"""The steps from data to report: in their order with commands that are only noted, and for real."""

import json
import subprocess
import sys

import pytest
import yaml
from PIL import Image

import groupnet_det
from groupnet_det.autotrain import pipeline
from groupnet_det.autotrain.choices.schedule import Budget
from groupnet_det.autotrain.pipeline import autotrain
from groupnet_det.autotrain.request import Request
from groupnet_det.autotrain.training_summary import OUTPUTS
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError, UserError
from groupnet_det.runtime.backends.extension import is_built
from tests.autotrain.tiny_data import write_classes, write_yolo
from tests.report.parsed_pages import assert_self_contained

FAST = ("DATALOADER.NUM_WORKERS", "0", "SOLVER.CHECK_MEMORY", "False")


@pytest.fixture
def job(tmp_path, monkeypatch):
    """``job(dry_run)``: runs a request on class folders, in which nothing is measured, trained or
    drawn; returns the commands."""
    write_classes(tmp_path / "data", 10)
    commands = []
    fail = []

    def run(command, *, root):
        commands.append(list(command))
        if fail and command[0] == fail[0]:
            raise UserError("it failed, see above")

    def packed(config, options, output, run, *, threshold):
        run("export", "--config-file", config, *options)
        return {"bytes": 1000, "engine": "not built"}

    monkeypatch.setattr("groupnet_det.autotrain.plan.seconds_per_iteration", lambda cfg: 0.1)
    monkeypatch.setattr(pipeline.command_runs, "run", run)
    monkeypatch.setattr(pipeline, "pack_and_time", packed)
    monkeypatch.setattr(pipeline, "scores_at_end", lambda output, metrics: {"top1": 75.0})
    monkeypatch.setattr(pipeline, "draw_curves", lambda stages, title: None)

    def make(*, dry_run=False, failing=None, **changes):
        fail[:] = [failing] if failing else []
        commands.clear()
        settings = {
            "data": tmp_path / "data",
            "task": None,
            "num_bases": 2,
            "budget": Budget(epochs=30),
            "output": tmp_path / "out",
            "options": FAST,
        }
        autotrain(Request(**{**settings, **changes}), dry_run=dry_run)
        return [command[0] for command in commands], commands

    return make


def test_all_is_done_once_and_in_order(job, tmp_path, capsys):
    names, commands = job()
    assert names == ["train", "train", "export", "visualize", "report"]
    tanh, binary = (dict(zip(c[1::2], c[2::2], strict=False)) for c in commands[:2])
    assert tanh["--config-file"].endswith("choices_tanh.yaml")
    assert binary["--config-file"].endswith("choices.yaml")
    out = capsys.readouterr().out
    assert "found: a folder per class, for --task classify" in out
    assert "iterations alone, after which little is learned: give more" in out
    assert "validation, in per cent: top1 75.0" in out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["scores"] == {"top1": 75.0}
    names, _ = job()
    assert names == []
    assert "choices.yaml is there; its values are taken" in capsys.readouterr().out


def test_a_dry_run_writes_a_complete_config(job, tmp_path):
    names, _ = job(dry_run=True)
    assert names == []
    complete = load_config(str(tmp_path / "out/config.yaml"))
    again = load_config(str(tmp_path / "out/choices.yaml"))
    assert yaml.safe_load(complete.dump()) == yaml.safe_load(again.dump())
    first = load_config(str(tmp_path / "out/choices_tanh.yaml"))
    assert first.MODEL.GROUPNET.ACTIVATION == "tanh"
    assert first.DATASETS.TRAIN == complete.DATASETS.TRAIN


def test_what_was_edited_is_kept(job, tmp_path):
    job(dry_run=True)
    path = tmp_path / "out/choices.yaml"
    path.write_text(path.read_text().replace("WIDTH: 0.5", "WIDTH: 0.75"))
    job(dry_run=True)
    config = tmp_path / "out/config.yaml"
    assert load_config(str(config)).MODEL.GROUPNET.WIDTH == 0.75
    names, _ = job()
    assert names[0] == "train"
    assert "WIDTH: 0.75" in path.read_text()
    config.write_text("of a training")
    (tmp_path / "out/metrics.json").write_text("")
    job(dry_run=True)
    assert config.read_text() == "of a training"


def test_it_goes_on_at_the_step_that_failed(job):
    with pytest.raises(UserError, match="it failed"):
        job(failing="visualize")
    names, _ = job()
    assert names == ["visualize", "report"]


def test_another_request_is_refused(job):
    job(dry_run=True)
    with pytest.raises(ConfigError, match="epochs 30 there, 31 here"):
        job(budget=Budget(epochs=31))


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")
@pytest.mark.parametrize(
    ("write", "metric"), [(write_yolo, "AP"), (write_classes, "top1")], ids=["detect", "classify"]
)
def test_from_data_to_report(tmp_path, write, metric):
    write(tmp_path / "data", 10)
    command = [sys.executable, "-W", "ignore", "-m", "groupnet_det", "train", "--data", "data"]
    command += ["--epochs", "4", "--num-gpus", "0", "--output", "out", *FAST]
    for _ in range(2):  # the second time everything is there already
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    output = tmp_path / "out"
    assert all((output / name).is_file() for name in OUTPUTS)
    assert min(Image.open(output / "predictions.png").size) > 150
    summary = json.loads((output / "summary.json").read_text())
    assert metric in summary["scores"]
    assert summary["packed"]["times_packed"]["float"]["median"] > 0
    text = (output / "report.html").read_text()
    assert_self_contained(text)
    assert done.stdout.count(": done") == 4
    assert done.stdout.rstrip().endswith("report.html")
    assert (output / "tanh/model_final.pth").is_file()
    written = yaml.safe_load((output / "choices.yaml").read_text())
    assert written["DATALOADER"]["NUM_WORKERS"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is missing")
def test_from_python(tmp_path, monkeypatch):
    write_classes(tmp_path / "pets", 10)
    monkeypatch.chdir(tmp_path)
    trained = groupnet_det.train(
        data="pets", epochs=2, k=1, use_gpu=False, overrides={"SOLVER.CHECK_MEMORY": False}
    )
    assert trained.checkpoint == (tmp_path / "output/pets/model_final.pth").relative_to(tmp_path)
    assert "classification/top1" in trained.scores
    assert (tmp_path / "output/pets/report.html").is_file()
