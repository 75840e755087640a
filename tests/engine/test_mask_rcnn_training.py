"""Detectron2's Mask R-CNN on our backbone: training, evaluation, mixed precision."""

import json
import math

import pytest

from groupnet_det.evaluation.saved.coco_scores import score_coco_results
from tests.inference.models import FPN, RCNN

from .test_training import make_config, train

WORDS = [w for line in (FPN + RCNN).split("\n") if line for w in line.split(maxsplit=1)]
OPTIONS = [
    *(*WORDS, "MODEL.META_ARCHITECTURE", "GeneralizedRCNN", "MODEL.ROI_HEADS.NUM_CLASSES", "10"),
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0", "INPUT.MIN_SIZE_TRAIN", "[96]"),
    *("MODEL.GROUPNET.OUT_FEATURES", "['res2','res3','res4','res5']"),
    *("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS", "[[1.0]]", "SOLVER.MAX_ITER", "2"),
]


@pytest.mark.parametrize("amp", ["float32", "bfloat16"])
def test_boxes_and_masks_are_trained_and_scored(root, tmp_path, datasets_env, amp):
    options = ["SOLVER.AMP.ENABLED", str(amp != "float32"), "SOLVER.AMP.DTYPE", "bfloat16"]
    trainer, losses = train(make_config(root, tmp_path, *OPTIONS, *options))
    assert all(math.isfinite(value) for step in losses for value in step.values())
    assert "loss_mask" in losses[0]
    scores = trainer._last_eval_results
    results = tmp_path / "inference/coco_instances_results.json"
    assert json.loads(results.read_text())
    annotations = datasets_env / "photo_digits/annotations/instances_val.json"
    for iou_type in ("bbox", "segm"):
        saved = score_coco_results(annotations, results, iou_type).summary["AP"]
        assert scores[iou_type]["AP"] == pytest.approx(saved, abs=1e-3)
