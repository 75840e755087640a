"""The settings of a resumed training are those of its config, and what changed is told."""

import pytest

from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import CheckpointError
from tests.engine.test_training import BrokenOffError, make_config, train

CONFIG = {"config": "classifier_groupnet_mnist5k"}
OPTIONS = [
    *("SOLVER.MAX_ITER", "6", "SOLVER.CHECKPOINT_PERIOD", "1", "TEST.EVAL_PERIOD", "0"),
    *("INPUT.CLASSIFICATION.TRAIN_CROP", "16", "SOLVER.WARMUP_ITERS", "0"),
    *("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR", "SOLVER.STEPS", "(5,)"),
    *("SOLVER.OPTIMIZER", "SGD", "SOLVER.BASE_LR", "0.01", "DATASETS.TEST", "()"),
    *("SOLVER.BEST_METRIC", ""),
]
TOLD = "goes on from"


def resume(root, folder, *changes):
    """A trainer that goes on after two iterations, with some settings changed."""
    with pytest.raises(BrokenOffError):
        train(make_config(root, folder, *OPTIONS, **CONFIG), stop_after=3)
    trainer = Trainer(make_config(root, folder, *OPTIONS, *changes, **CONFIG))
    trainer.resume_or_load(True)
    assert trainer.start_iter == 3
    return trainer


def log(folder):
    return (folder / "log.txt").read_text()


@pytest.mark.parametrize(
    ("changes", "rate", "message"),
    [
        (["SOLVER.BASE_LR", "0.5"], 0.5, "SOLVER.BASE_LR 0.5 (was 0.01)"),
        (["SOLVER.STEPS", "(3,)"], 0.001, "SOLVER.STEPS [3] (was [5])"),
        (["SOLVER.IMS_PER_BATCH", "4"], 0.01, "SOLVER.IMS_PER_BATCH 4 (was 2)"),
        (["SOLVER.MOMENTUM", "0.5"], 0.01, "SOLVER.MOMENTUM 0.5 (was 0.9)"),
    ],
    ids=["rate", "schedule", "batch", "momentum"],
)
def test_other_settings_are_used_and_reported(root, tmp_path, datasets_env, changes, rate, message):
    trainer = resume(root, tmp_path, *changes)
    group = trainer.optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(rate)
    assert group["momentum"] == trainer.cfg.SOLVER.MOMENTUM
    told = [line for line in log(tmp_path).splitlines() if TOLD in line]
    assert len(told) == 1
    assert told[0].endswith(f"uses them from here on: {message}")
    assert len(next(iter(trainer.data_loader))) == trainer.cfg.SOLVER.IMS_PER_BATCH
    trainer.train()
    last = rate if "STEPS" in message else rate / 10
    assert trainer.storage.latest()["lr"][0] == pytest.approx(last)


def test_nothing_is_reported_where_nothing_changed(root, tmp_path, datasets_env):
    trainer = resume(root, tmp_path, "MODEL.WEIGHTS", "elsewhere.pth")
    assert trainer.optimizer.param_groups[0]["lr"] == 0.01
    assert TOLD not in log(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        ["SOLVER.OPTIMIZER", "AdamW"],
        ["SOLVER.HEAD_LR_FACTOR", "3.0"],
    ],
    ids=["optimizer", "groups"],
)
def test_the_state_of_another_optimizer_is_refused(root, tmp_path, datasets_env, changes):
    message = r"has the state of another optimizer \(.*\); go on with the SOLVER.OPTIMIZER"
    with pytest.raises(CheckpointError, match=message) as caught:
        resume(root, tmp_path, *changes)
    assert "\n" not in str(caught.value)
