"""Weights & Biases and MLflow, with modules that stand in for them."""

import sys
from types import SimpleNamespace

import pytest
from detectron2.utils.events import EventStorage

from groupnet_det.config import load_config
from groupnet_det.engine.records.trackers import build_trackers
from groupnet_det.errors import ConfigError, UserError


@pytest.fixture
def calls(monkeypatch):
    """What the stand-ins were asked for."""
    calls = []

    def note(name):
        return lambda *positional, **named: calls.append((name, *positional, named))

    run = SimpleNamespace(log=note("log"), finish=note("finish"))
    wandb = SimpleNamespace(init=lambda **named: calls.append(("init", named)) or run)
    names = ("set_experiment", "start_run", "log_dict", "log_metrics", "end_run")
    mlflow = SimpleNamespace(**{name: note(name) for name in names})
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return calls


def train(tracker, folder):
    """Losses of iterations 19 and 39, and a score that is known at 39."""
    (writer,) = build_trackers(
        load_config("", ["SOLVER.TRACKER", tracker, "OUTPUT_DIR", str(folder)])
    )
    with EventStorage() as storage:
        for iteration in (19, 39):
            storage.iter = iteration
            storage.put_scalar("total_loss", iteration / 10, smoothing_hint=False)
            if iteration == 39:
                storage.put_scalar("sem_seg/min(IoU, B-Iou)-a", 7.0, smoothing_hint=False)
            writer.write()
            writer.write()  # nothing is new
    writer.close()


def test_wandb(calls, tmp_path):
    train("wandb", tmp_path)
    (_, run), *logged, end = calls
    assert (run["project"], run["name"], run["dir"]) == (
        *("groupnet_det", tmp_path.name, str(tmp_path)),
    )
    assert run["config"]["MODEL"]["GROUPNET"]["NUM_BASES"] == 4
    assert [(values, named["step"]) for _, values, named in logged] == [
        ({"total_loss": 1.9}, 19),
        ({"total_loss": 3.9, "sem_seg/min(IoU, B-Iou)-a": 7.0}, 39),
    ]
    assert end == ("finish", {})


def test_a_resumed_training_goes_on_with_its_run_of_wandb(calls, tmp_path):
    for _ in range(2):
        train("wandb", tmp_path)
    train("wandb", tmp_path / "other")
    first, second, other = (named["id"] for name, *_, named in calls if name == "init")
    assert first == second != other


def test_mlflow(calls, tmp_path):
    train("mlflow", tmp_path)
    assert [call[0] for call in calls] == [
        *("set_experiment", "start_run", "log_dict", "log_metrics", "log_metrics", "end_run")
    ]
    assert calls[2][2] == "config.yaml"
    assert calls[4][1:] == ({"total_loss": 3.9, "sem_seg/min_IoU_ B-Iou_-a": 7.0}, {"step": 39})


def test_without_a_tracker_there_is_no_writer():
    assert build_trackers(load_config("")) == []


def test_an_unknown_tracker_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"SOLVER\.TRACKER is 'neptune'; valid: 'wandb', 'mlflow'"
    ):
        build_trackers(load_config("", ["SOLVER.TRACKER", "neptune"]))


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_one_that_is_not_installed_is_one_line(monkeypatch, name, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    message = rf"^{name} cannot be imported .*pip install 'groupnet-det\[{name}\]'$"
    with pytest.raises(UserError, match=message):
        build_trackers(load_config("", ["SOLVER.TRACKER", name, "OUTPUT_DIR", str(tmp_path)]))
