"""Several processes train, resume and score as one does."""

import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.engine import default_argument_parser, launch
from detectron2.evaluation.testing import flatten_results_dict
from detectron2.utils import comm
from PIL import Image

from groupnet_det.checkpoint.checkpointer import load_tensors
from groupnet_det.engine.processes.distributed import leave_process_group
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer
from groupnet_det.evaluation.semantic_evaluator import LABEL_MAPS
from tests.engine.test_training import BrokenOffError, Recorder

ROOT = Path(__file__).resolve().parents[3]
STEPS = 5

# Config and options of each network that is compared. What makes the comparison robust, although
# the processes add numbers up in another order:
# * Float64: a sign or a ReLU flips where a value is within 1e-15 of its edge, which none is.
# * Odd numbers of channels: a binary convolution adds up an odd number of +-s, so no sum cancels to
#   0, where the ReLU's gradient would hang on rounding noise.
# * SGD: Adam makes a step of full length of a gradient that is nothing but noise.
NETWORKS = {
    "retinanet": (
        "configs/quick/retinanet_groupnet_photo_digits.yaml",
        [
            *("MODEL.GROUPNET.WIDTH", "0.0835"),  # 5, 11 and 21 channels
            *("MODEL.GROUPNET.DOWNSAMPLE", "binary", "MODEL.FPN.OUT_CHANNELS", "7"),
            *("INPUT.MIN_SIZE_TRAIN", "[96]", "INPUT.MIN_SIZE_TEST", "96"),
            *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", "TEST.DETECTIONS_PER_IMAGE", "20"),
        ],
    ),
    "classifier": (
        "configs/quick/classifier_groupnet_mnist5k.yaml",
        [
            *("MODEL.GROUPNET.WIDTH", "0.0835", "MODEL.GROUPNET.NUM_BASES", "2"),  # 5 ... 43
            *("MODEL.GROUPNET.DOWNSAMPLE", "binary", "SOLVER.BEST_METRIC", ""),
        ],
    ),
    "slimmable": (
        "configs/quick/classifier_groupnet_mnist5k.yaml",
        [
            *("MODEL.GROUPNET.WIDTH", "0.0835", "MODEL.GROUPNET.NUM_BASES", "3"),
            *("MODEL.GROUPNET.SLIMMABLE_BASES", "[1, 2, 3]", "SOLVER.BEST_METRIC", ""),
            # Divergences are computed in float32.
            *("MODEL.GROUPNET.DOWNSAMPLE", "binary", "MODEL.DISTILLATION.SLIMMABLE_WEIGHT", "0.0"),
        ],
    ),
    "segmenter": (
        "configs/quick/deeplab_groupnet_photo_digits.yaml",
        [
            *("MODEL.GROUPNET.WIDTH", "0.0835", "MODEL.SEM_SEG_HEAD.CONVS_DIM", "7"),
            *(
                "MODEL.GROUPNET.DOWNSAMPLE",
                "binary",
                "MODEL.GROUPNET.SEGMENTATION.LOW_LEVEL.CHANNELS",
            ),
            *("4", "INPUT.SEMANTIC.CROP", "65", "SOLVER.BEST_METRIC", ""),
        ],
    ),
}
COMMON = [
    *("SOLVER.IMS_PER_BATCH", "4", "SOLVER.MAX_ITER", str(STEPS), "SOLVER.WARMUP_ITERS", "0"),
    *("SOLVER.OPTIMIZER", "SGD", "SOLVER.BASE_LR", "0.01", "TEST.EVAL_PERIOD", "0"),
    *("DATALOADER.NUM_WORKERS", "0", "SOLVER.CHECKPOINT_PERIOD", "3"),
]


class Float64Trainer(Trainer):
    @classmethod
    def build_model(cls, cfg):
        return super().build_model(cfg).double()

    @classmethod
    def test(cls, cfg, model, evaluators=None):
        single = copy.deepcopy(getattr(model, "module", model)).float()  # as NMS wants it
        return super().test(cfg, single, evaluators)


def train(network, output, stop_after=None):
    """Train and score; the main process leaves losses and scores in the folder `output`.

    With `stop_after`, training breaks off after some steps and is resumed.
    """
    torch.set_num_threads(1)
    config, own = NETWORKS[network]
    arguments = default_argument_parser().parse_args(["--config-file", str(ROOT / config)])
    arguments.num_gpus = 0
    arguments.opts = [*COMMON, *own, "OUTPUT_DIR", str(output)]
    cfg = setup(arguments)
    losses = []
    if stop_after:
        with pytest.raises(BrokenOffError):
            run_trainer(cfg, losses, stop_after=stop_after)
    scores = run_trainer(cfg, losses, resume=bool(stop_after))
    if comm.is_main_process():
        (Path(output) / "outcome.json").write_text(json.dumps({"losses": losses, "scores": scores}))
    leave_process_group()


def run_trainer(cfg, losses, *, stop_after=None, resume=False):
    """Append the losses of each step, as averaged over the processes; return the scores."""
    trainer = Float64Trainer(cfg)
    recorder = Recorder(stop_after)
    recorder.losses = losses
    trainer.register_hooks([recorder])
    trainer.resume_or_load(resume)
    trainer.train()
    return trainer._last_eval_results


def train_in_two_processes(*arguments):
    launch(train, 2, dist_url="auto", args=arguments)


@pytest.fixture(scope="module", params=list(NETWORKS))
def runs(request, tiny_datasets, tmp_path_factory):
    """The folders of a training in one process, and of the same one in two, resumed half-way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
        folders = [tmp_path_factory.mktemp(f"{request.param}_{n}") for n in ("one", "two")]
        train(request.param, folders[0])
        train_in_two_processes(request.param, folders[1], 3)
    return folders


def outcomes(runs):
    return [json.loads((folder / "outcome.json").read_text()) for folder in runs]


def test_losses_are_those_of_one_process(runs):
    one, two = (outcome["losses"] for outcome in outcomes(runs))
    assert len(one) == len(two) == STEPS
    for expected, losses in zip(one, two, strict=True):
        assert losses.keys() == expected.keys()
        for key, value in losses.items():
            # fvcore adds the focal loss up in float32 always; its gradient does not see that sum.
            has_focal_loss = "loss_box_reg" in expected and key != "loss_box_reg"
            rounding = 1e-6 if has_focal_loss else 1e-9
            assert value == pytest.approx(expected[key], rel=rounding), key


def test_weights_and_statistics_are_those_of_one_process(runs):
    one, two = (load_tensors(str(folder / "model_final.pth"))["model"] for folder in runs)
    assert list(one) == list(two)
    assert any("running_var" in key for key in one)
    for key, value in one.items():
        largest = max(1.0, value.abs().max().item())
        torch.testing.assert_close(two[key], value, rtol=0, atol=1e-9 * largest, msg=key)


def test_predictions_and_scores_are_those_of_one_process(runs):
    one, two = (flatten_results_dict(outcome["scores"]) for outcome in outcomes(runs))
    assert two == pytest.approx(one, nan_ok=True, abs=1e-7)  # of float32
    tables = [read_predictions(folder / "inference") for folder in runs]
    assert len(tables[0]) == len(tables[1]) >= 20
    torch.testing.assert_close(torch.tensor(tables[0]), torch.tensor(tables[1]))


def read_predictions(folder):
    """Sorted rows of numbers: image, score, category and box; or label, prediction, probability; or
    the labels in the rows of label maps."""
    maps = sorted((folder / LABEL_MAPS).glob("*.png"))
    if maps:
        return [row for path in maps for row in np.asarray(Image.open(path)).astype(float).tolist()]
    table = folder / "predictions.csv"
    if table.exists():
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return sorted(
            (float(row["label"]), float(row["prediction"]), float(row["probability"]))
            for row in rows
        )
    found = json.loads((folder / "coco_instances_results.json").read_text())
    return sorted((f["image_id"], f["score"], f["category_id"], *f["bbox"]) for f in found)
