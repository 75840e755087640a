"""Records of an interrupted evaluation: nothing is lost, and nothing counts twice."""

import pytest
import torch
from detectron2.utils.events import get_event_storage

from groupnet_det.engine.records.metrics_file import read_metrics
from groupnet_det.engine.trainer import Trainer
from tests.engine.test_training import BrokenOffError, make_config, train

CONFIG = {"config": "classifier_groupnet_mnist5k"}
OPTIONS = [
    *("SOLVER.BEST_METRIC", "classification/top1", "SOLVER.EARLY_STOPPING.PATIENCE", "3"),
    *("SOLVER.MAX_ITER", "9", "SOLVER.CHECKPOINT_PERIOD", "1", "TEST.EVAL_PERIOD", "1"),
    *("INPUT.CLASSIFICATION.TRAIN_CROP", "16"),
]
SCORES = [1.0, 3.0, 2.0, 5.0, 4.0, 4.5, 1.0, 7.0, 6.0, 6.5]  # by iteration


class Evaluation:
    """Scores by iteration, broken off once."""

    def __init__(self, break_at=None):
        self.break_at = break_at
        self.made = []

    def __call__(self, cfg, model, evaluators=None):
        iteration = get_event_storage().iter
        if iteration == self.break_at:
            self.break_at = None
            raise BrokenOffError
        self.made.append(iteration)
        return {"classification": {"top1": SCORES[iteration]}}


def run(cfg, monkeypatch, *, break_at=None, resume=False):
    """The iterations that were evaluated, and the number of steps."""
    evaluation = Evaluation(break_at)
    monkeypatch.setattr(Trainer, "test", evaluation)
    if break_at is None:
        return evaluation.made, len(train(cfg, resume=resume)[1])
    with pytest.raises(BrokenOffError):
        train(cfg, resume=resume)
    return evaluation.made, None


def hooks_of(folder, name="model_final.pth"):
    state = torch.load(folder / name, weights_only=True)
    return {k: state["trainer"]["hooks"][k] for k in ("BestCheckpointer", "EarlyStopping")}


def scores(folder):
    name = "classification/top1"
    rows = read_metrics(folder / "metrics.json")
    return {row["iteration"]: row[name] for row in rows if name in row}


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory, tiny_datasets):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
        made, steps = run(make_config(root, folder, *OPTIONS, **CONFIG), patch)
    assert (made, steps) == ([0, 1, 2, 3, 4, 5, 6], 7)
    return folder


@pytest.mark.parametrize("break_at", [3, 4, 6])
def test_an_interrupted_evaluation_is_made_up_for(
    root, tmp_path, datasets_env, monkeypatch, whole, break_at
):
    """3 is the best, which 4 would take the place of; patience ends with 6."""
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)
    before, _ = run(cfg, monkeypatch, break_at=break_at)
    after, steps = run(cfg, monkeypatch, resume=True)
    assert before + after == [0, 1, 2, 3, 4, 5, 6]
    assert steps == 6 - break_at
    assert hooks_of(tmp_path) == hooks_of(whole)
    best = torch.load(tmp_path / "model_best.pth", weights_only=True)
    assert best["iteration"] == 3
    assert scores(tmp_path) == scores(whole)


def test_what_was_evaluated_is_not_again(root, tmp_path, datasets_env, monkeypatch, whole):
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)
    monkeypatch.setattr(Trainer, "test", Evaluation())
    with pytest.raises(BrokenOffError):
        train(cfg, stop_after=3)
    after, _ = run(cfg, monkeypatch, resume=True)
    assert after == [3, 4, 5, 6]
    assert hooks_of(tmp_path) == hooks_of(whole)


def test_a_checkpoint_without_the_note_owes_nothing(root, tmp_path, datasets_env, monkeypatch):
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)
    run(cfg, monkeypatch, break_at=3)
    path = tmp_path / "model_0000003.pth"
    state = torch.load(path, weights_only=True)
    for hook in ("EvaluationRecord", "RecentMetrics"):
        del state["trainer"]["hooks"][hook]
    torch.save(state, path)
    after, _ = run(cfg, monkeypatch, resume=True)
    assert after[0] == 4


def test_an_interrupted_last_evaluation_is_made_as_that_of_the_end(
    root, tmp_path, datasets_env, monkeypatch
):
    options = [*OPTIONS, "SOLVER.MAX_ITER", "3"]
    cfg = make_config(root, tmp_path, *options, **CONFIG)
    run(cfg, monkeypatch, break_at=3)
    made, steps = run(cfg, monkeypatch, resume=True)
    assert (made, steps) == ([3], 0)
    assert scores(tmp_path) == {0: 1.0, 1: 3.0, 3: 5.0}


def test_a_training_that_is_made_longer_knows_the_last_score(
    root, tmp_path, datasets_env, monkeypatch
):
    """And evaluates the iteration that a longer training would have evaluated."""
    options = [*OPTIONS, "SOLVER.MAX_ITER", "3"]
    run(make_config(root, tmp_path, *options, **CONFIG), monkeypatch)
    assert hooks_of(tmp_path)["BestCheckpointer"] == {"best_metric": 5.0, "best_iter": 3}
    options = [*OPTIONS, "SOLVER.MAX_ITER", "5"]
    made, _ = run(make_config(root, tmp_path, *options, **CONFIG), monkeypatch, resume=True)
    assert made == [2, 3, 5]
    assert hooks_of(tmp_path)["EarlyStopping"] == {"best": 5.0, "waited": 0}


def test_a_stopped_training_gets_its_last_checkpoint(root, tmp_path, datasets_env, monkeypatch):
    cfg = make_config(root, tmp_path, *OPTIONS, **CONFIG)

    def killed(trainer):
        raise BrokenOffError

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "test", Evaluation())
        patch.setattr(Trainer, "_save_final", killed)
        with pytest.raises(BrokenOffError):
            train(cfg)
    assert not (tmp_path / "model_final.pth").exists()
    made, steps = run(cfg, monkeypatch, resume=True)
    assert (made, steps) == ([], 0)
    assert torch.load(tmp_path / "model_final.pth", weights_only=True)["iteration"] == 6
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"
