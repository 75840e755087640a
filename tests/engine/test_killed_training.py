"""A training that is killed and resumed is, to the last bit, one that was never interrupted."""

import re

import pytest
import torch

from groupnet_det.engine.records.metrics_file import read_metrics

from .killed_training import train_in_process

OPTIONS = [
    *("SEED", "7", "MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16"),
    *("SOLVER.IMS_PER_BATCH", "2", "SOLVER.MAX_ITER", "10", "SOLVER.CHECKPOINT_PERIOD", "2"),
    *("TEST.EVAL_PERIOD", "4", "INPUT.RANDOM_FLIP", "horizontal"),
]
# The evaluation comes last: early stopping may end the training with it.
KILLS = [("step", 4), ("checkpoint", 5), ("evaluation", 7)]

MODELS = {
    "retinanet": ("retinanet_groupnet_photo_digits", ["MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"]),
    "retinanet-tanh": (
        "retinanet_groupnet_photo_digits",
        [
            *("SOLVER.GRADUAL_BINARIZATION.SCHEDULE", "tanh_slope"),
            *("SOLVER.GRADUAL_BINARIZATION.FRACTION", "0.2"),
            *("SOLVER.EARLY_STOPPING.PATIENCE", "1"),
            *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0"),
        ],
    ),
    "fcos": ("fcos_groupnet_photo_digits", ["MODEL.FCOS.SCORE_THRESH_TEST", "0.0"]),
    "mask_rcnn": ("mask_rcnn_groupnet_photo_digits", []),
    "panoptic_fpn": ("panoptic_fpn_groupnet_photo_digits", []),
    "cascade_rcnn": ("cascade_rcnn_groupnet_photo_digits", []),
    "segmenter": ("semseg_groupnet_photo_digits", []),
    "deeplab": ("deeplab_groupnet_photo_digits", []),
    "classifier": ("classifier_groupnet_mnist5k", []),
}
IN_THE_NORMAL_RUN = [("retinanet", 0), ("retinanet-tanh", 0), ("segmenter", 2)]


def matrix():
    for model in MODELS:
        for workers in (0, 2):
            slow = () if (model, workers) in IN_THE_NORMAL_RUN else pytest.mark.slow
            yield pytest.param(model, workers, marks=slow, id=f"{model}-{workers}-workers")


@pytest.mark.parametrize(("model", "workers"), matrix())
def test_killed_and_resumed_is_never_interrupted(root, tmp_path, datasets_env, model, workers):
    name, own = MODELS[model]
    config = root / f"configs/quick/{name}.yaml"
    options = [*OPTIONS, "DATALOADER.NUM_WORKERS", str(workers), *own]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_in_process(config, options, whole)
    for number, kill in enumerate(KILLS):
        train_in_process(config, options, parts, resume=number > 0, kill=kill)
    train_in_process(config, options, parts, resume=True)

    assert losses(parts) == losses(whole)
    for file in ("model_final.pth", "model_best.pth"):
        assert_same_tensors(stored(parts / file), stored(whole / file))
    assert metrics(parts) == metrics(whole)


def losses(folder):
    """The losses of each iteration, the last of those that were made more than once."""
    lines = (folder / "losses.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def stored(path):
    return torch.load(path, weights_only=True)


def metrics(folder):
    """Rows of metrics.json, without times."""
    return [
        {key: repr(value) for key, value in row.items() if not differs(key)}
        for row in read_metrics(folder / "metrics.json")
    ]


def differs(key):
    """Whether it is what no two trainings have in common: times, and their config's OUTPUT_DIR."""
    return re.search("time|^eta_|^config$", str(key)) is not None


def assert_same_tensors(one, other, path=""):
    """All tensors and plain values, at any depth."""
    assert type(one) is type(other), path
    if isinstance(one, dict):
        one, other = ({k: v for k, v in d.items() if not differs(k)} for d in (one, other))
        assert list(one) == list(other), path
        for key in one:
            assert_same_tensors(one[key], other[key], f"{path}/{key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), path
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_same_tensors(*pair, f"{path}/{number}")
    else:
        assert repr(one) == repr(other), path
