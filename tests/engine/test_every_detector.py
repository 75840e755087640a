"""Every kind of detector with binary parts: its quick config trains, is evaluated and drawn."""

import copy
import math

import numpy as np
import pytest
import torch
from detectron2.engine import default_argument_parser
from detectron2.evaluation.testing import flatten_results_dict
from detectron2.utils.events import EventStorage
from PIL import Image

from groupnet_det.analysis.precision_map import layer_precisions
from groupnet_det.commands.visualization import visualize_results
from groupnet_det.engine.setup import setup
from groupnet_det.engine.trainer import Trainer

BOXES = {"bbox/AP", "bbox/AP50", "bbox/AP75"}
MASKS = {"segm/AP", "segm/AP50", "segm/AP75"}
METRICS = {
    "retinanet": BOXES,
    "fcos": BOXES,
    "faster_rcnn": BOXES,
    "cascade_rcnn": BOXES,
    "mask_rcnn": BOXES | MASKS,
    "panoptic_fpn": BOXES | MASKS | {"sem_seg/mIoU"},
}
SHORT = [
    *("SOLVER.MAX_ITER", "20", "SOLVER.CHECKPOINT_PERIOD", "1000", "TEST.EVAL_PERIOD", "0"),
    *("DATALOADER.NUM_WORKERS", "0", "SOLVER.IMS_PER_BATCH", "4", "SOLVER.WARMUP_ITERS", "5"),
    # After so few iterations scores are low; with these every detector finds something.
    *("MODEL.RETINANET.SCORE_THRESH_TEST", "0.0", "MODEL.FCOS.SCORE_THRESH_TEST", "0.0"),
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_it_learns_is_evaluated_and_drawn(root, tmp_path, datasets_env, monkeypatch, name):
    config = root / f"configs/quick/{name}_groupnet_photo_digits.yaml"
    arguments = default_argument_parser().parse_args(
        ["--config-file", str(config), "--num-gpus", "0"]
    )
    arguments.opts = [*SHORT, "OUTPUT_DIR", str(tmp_path / "out")]
    trainer = Trainer(setup(arguments))
    batch = next(iter(trainer.data_loader))
    before = loss_of(trainer.model, batch)
    trainer.train()
    assert loss_of(trainer.model, batch) < 0.9 * before
    binary = {layer.part for layer in layer_precisions(trainer.model) if layer.weight_bits == 1}
    assert any(part.startswith("backbone") for part in binary)
    assert any("head" in part for part in binary)

    metrics = flatten_results_dict(trainer._last_eval_results)
    assert {key for key in METRICS[name] if math.isfinite(metrics[key])} == METRICS[name]

    found, nothing = (draw(monkeypatch, config, tmp_path, least) for least in ("0.0", "2.0"))
    changed = np.abs(found - nothing).sum(axis=2) > 0
    assert changed.mean() > 0.01


def loss_of(model, batch):
    """In training mode, and by a normalizer as at the start: that of dense detectors is a running
    average of the positive anchors, whose start alone makes their losses rise and fall."""
    probe = copy.deepcopy(model).train()
    if hasattr(probe, "loss_normalizer"):
        probe.loss_normalizer.fill_(-1)
    torch.manual_seed(0)  # of the proposals that are drawn
    with EventStorage(), torch.no_grad():
        return sum(loss.item() for loss in probe(batch).values())


def draw(monkeypatch, config, folder, threshold):
    """The picture that the tool makes, with boxes from this score on."""
    picture = folder / f"{threshold}.png"
    command = ["--config-file", config, "--output", picture, "--score-threshold", threshold]
    options = ["OUTPUT_DIR", folder / "out"]
    visualize_results.main(list(map(str, [*command, *options])))
    return np.asarray(Image.open(picture)).astype(int)
