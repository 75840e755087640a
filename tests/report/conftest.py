"""Tiny trainings of each task, with their reports."""

import pytest
from detectron2.engine import default_argument_parser

from groupnet_det.commands.training.train_net import train_or_evaluate

SMALL = [
    *("MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "16", "SEED", "1"),
    *("SOLVER.IMS_PER_BATCH", "2", "SOLVER.MAX_ITER", "4", "SOLVER.CHECKPOINT_PERIOD", "2"),
    *("TEST.EVAL_PERIOD", "2", "DATALOADER.NUM_WORKERS", "0", "SOLVER.BIT_FLIPS_PERIOD", "2"),
    # After so few iterations scores are low.
    *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"),
]
CONFIGS = {
    "detection": "retinanet_groupnet_photo_digits",
    "masks": "mask_rcnn_groupnet_photo_digits",
    "segmentation": "semseg_groupnet_photo_digits",
    "classification": "classifier_groupnet_mnist5k",
}


def train_with_report(root, task, output, *more):
    """As ``tools/train_net.py --report`` does."""
    config = root / f"configs/quick/{CONFIGS[task]}.yaml"
    words = ["--config-file", str(config), "--num-gpus", "0"]
    options = [*SMALL, *more, "OUTPUT_DIR", str(output)]
    arguments = default_argument_parser().parse_args([*words, *options])
    arguments.report = True
    train_or_evaluate(arguments)


@pytest.fixture(scope="session")
def trained(root, tiny_datasets, tmp_path_factory):
    """``trained(task)``: the folder of a training; for reading."""
    folders = {}

    def make(task):
        if task not in folders:
            folder = tmp_path_factory.mktemp("trained") / task
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
                train_with_report(root, task, folder)
            folders[task] = folder
        return folders[task]

    return make
