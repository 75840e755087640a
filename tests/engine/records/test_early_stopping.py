"""End of a training; a resumed one ends where an uninterrupted one does."""

import pytest
import torch
from detectron2.utils.events import get_event_storage

from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import ConfigError
from tests.engine.test_training import BrokenOffError, make_config, train

CONFIG = {"config": "classifier_groupnet_mnist5k"}
OPTIONS = [
    *("SOLVER.BEST_METRIC", "classification/top1", "SOLVER.EARLY_STOPPING.PATIENCE", "2"),
    *("SOLVER.MAX_ITER", "9", "SOLVER.CHECKPOINT_PERIOD", "1", "TEST.EVAL_PERIOD", "1"),
    *("INPUT.CLASSIFICATION.TRAIN_CROP", "16"),
]
SCORES = [1.0, 3.0, 2.0, 3.0, 5.0, 1.0, 1.0, 1.0, 9.0]  # by iteration


@pytest.fixture(autouse=True)
def scripted_scores(monkeypatch, datasets_env):
    def test(cfg, model, evaluators=None):
        return {"classification": {"top1": SCORES[min(get_event_storage().iter, 8)]}}

    monkeypatch.setattr(Trainer, "test", test)


def stored(folder, name):
    return torch.load(folder / name, weights_only=True)


def test_a_training_without_progress_ends(root, tmp_path):
    _, losses = train(make_config(root, tmp_path, *OPTIONS, **CONFIG))
    assert len(losses) == 4  # the best is that of iteration 1
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"
    final = stored(tmp_path, "model_final.pth")
    assert final["iteration"] == 3
    assert final["trainer"]["hooks"]["EarlyStopping"] == {"best": 3.0, "waited": 2}
    assert stored(tmp_path, "model_best.pth")["iteration"] == 1


def test_what_was_stopped_goes_on_with_more_patience_alone(root, tmp_path, caplog):
    train(make_config(root, tmp_path, *OPTIONS, **CONFIG))
    _, losses = train(make_config(root, tmp_path, *OPTIONS, **CONFIG), resume=True)
    assert losses == []
    more = ["SOLVER.EARLY_STOPPING.PATIENCE", "3"]
    _, losses = train(make_config(root, tmp_path, *OPTIONS, *more, **CONFIG), resume=True)
    assert len(losses) == 4  # 4 is the new best; patience ends after 7
    assert stored(tmp_path, "model_best.pth")["iteration"] == 4


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(root, tmp_path, stop_after):
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)
    with pytest.raises(BrokenOffError):
        train(cfg, stop_after=stop_after)
    _, losses = train(cfg, resume=True)
    assert len(losses) == 4 - stop_after
    assert stored(tmp_path, "model_best.pth")["iteration"] == 1


def test_the_checkpoint_of_an_iteration_knows_its_score(root, tmp_path):
    """Else a training that goes on from it takes a worse model for the best."""
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)
    train(cfg)
    hooks = stored(tmp_path, "model_0000001.pth")["trainer"]["hooks"]
    assert hooks["BestCheckpointer"] == {"best_metric": 3.0, "best_iter": 1}
    assert hooks["EarlyStopping"] == {"best": 3.0, "waited": 0}


def test_a_metric_that_is_never_computed_is_reported(root, tmp_path, monkeypatch):
    """The evaluation may give less than its kind should."""
    less = {"classification": {"top5": 1.0}}
    monkeypatch.setattr(Trainer, "test", lambda *arguments: less)
    _, losses = train(make_config(root, tmp_path, *OPTIONS, "SOLVER.MAX_ITER", "4", **CONFIG))
    assert len(losses) == 4
    told = (tmp_path / "log.txt").read_text()
    assert "evaluation gave no metric 'classification/top1'" in told


def test_scores_that_are_nan_neither_count_nor_stop(root, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.SCORES", [float("nan")] * 9)
    options = ["SOLVER.MAX_ITER", "5"]
    _, losses = train(make_config(root, tmp_path, *OPTIONS, *options, **CONFIG))
    assert len(losses) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["TEST.EVAL_PERIOD", "0"], "TEST.EVAL_PERIOD 0; early stopping needs both"),
        (["SOLVER.EARLY_STOPPING.PATIENCE", "-1"], "PATIENCE is -1"),
        (["SOLVER.BEST_METRIC", ""], "there is no SOLVER.EARLY_STOPPING.METRIC"),
        (["DATASETS.TEST", "[]"], "there is no data set in DATASETS.TEST"),
    ],
    ids=["period", "patience", "metric", "data"],
)
def test_what_cannot_work(root, tmp_path, options, message):
    cfg = make_config(root, tmp_path, *OPTIONS, *options, **CONFIG)
    with pytest.raises(ConfigError, match=message):
        Trainer(cfg)
