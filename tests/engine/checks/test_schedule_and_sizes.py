"""Warnings before training: each is given where it must be, and not where all is usual."""

import logging

import numpy as np
import pytest

from groupnet_det.config import load_config
from groupnet_det.data.checks.training_sizes import TrainingObjects
from groupnet_det.engine.checks import schedule_and_sizes
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.engine.checks.schedule_and_sizes import (
    check_anchors,
    check_object_sizes,
    check_precision,
    check_schedule,
    check_training,
)
from tests.data.checks.test_training_sizes import record

QUICK = "quick/retinanet_groupnet_photo_digits"
LOGGER = "groupnet_det.engine.checks.schedule_and_sizes"


@pytest.fixture
def logged(caplog):
    """Messages of at least a level."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    return lambda level: [r.getMessage() for r in caplog.records if r.levelno >= level]


def squares(*sides, image=160.0):
    boxes = np.array([(10, 10, 10 + side, 10 + side) for side in sides], dtype=float)
    return TrainingObjects(boxes=boxes, images=np.full((len(sides), 2), image))


@pytest.mark.parametrize(
    ("warmup", "iterations", "factor", "expected"),
    [(21, 100, 0.001, True), (20, 100, 0.001, False), (1000, 600, 1.0, False)],
    ids=["more than a fifth", "a fifth", "no warm-up"],
)
def test_a_long_warm_up(logged, warmup, iterations, factor, expected):
    options = ["SOLVER.WARMUP_ITERS", warmup, "SOLVER.MAX_ITER", iterations]
    check_schedule(load_config(QUICK, [*options, "SOLVER.WARMUP_FACTOR", factor]), 100)
    warnings = logged(logging.WARNING)
    assert bool(warnings) == expected
    assert not expected or "set SOLVER.WARMUP_ITERS to 20 or less" in warnings[0]


@pytest.mark.parametrize(("images", "expected"), [(7, True), (8, False)])
def test_a_batch_larger_than_the_data_set(logged, images, expected):
    check_schedule(load_config(QUICK, ["SOLVER.IMS_PER_BATCH", "8"]), images)
    warnings = logged(logging.WARNING)
    assert bool(warnings) == expected
    assert not expected or "set it to 7 or less" in warnings[0]


@pytest.mark.parametrize(
    ("device", "enabled", "has_instructions", "expected"),
    [
        ("cpu", True, False, True),
        ("cpu", True, True, False),
        ("cpu", True, None, False),
        ("cpu", False, False, False),
        ("cuda", True, False, False),
    ],
    ids=["emulated", "fast", "unknown", "off", "GPU"],
)
def test_mixed_precision_that_is_emulated(
    logged, monkeypatch, device, enabled, has_instructions, expected
):
    monkeypatch.setattr(schedule_and_sizes, "multiplies_bfloat16", lambda: has_instructions)
    check_precision(load_config(QUICK, ["MODEL.DEVICE", device, "SOLVER.AMP.ENABLED", enabled]))
    warned = any("SOLVER.AMP.ENABLED to False" in line for line in logged(logging.WARNING))
    assert warned is expected


@pytest.mark.parametrize(
    ("small", "expected"), [(0, False), (1, True), (60, True)], ids=["none", "one", "most"]
)
def test_small_objects(logged, small, expected):
    objects = squares(*[3.9] * small, *[4.0] * (100 - small))
    check_object_sizes(load_config(QUICK), objects)
    warnings = logged(logging.WARNING)
    assert bool(warnings) == expected
    assert not expected or warnings[0].startswith(f"{small} of 100 objects ({small} %)")


@pytest.mark.parametrize(
    ("config", "sides", "recall"),
    [
        (QUICK, [24, 48, 70], 100),
        (QUICK, [24, 150, 150, 6], 25),
        ("quick/faster_rcnn_groupnet_photo_digits", [24, 150, 150, 150, 6], 20),
    ],
    ids=["fitting", "RetinaNet", "R-CNN"],
)
def test_the_share_of_objects_that_anchors_fit_is_reported(logged, config, sides, recall):
    cfg = load_config(config)
    check_anchors(cfg, build_without_weights(cfg), squares(*sides))
    (message,) = logged(logging.INFO)
    assert f"{recall} % of {len(sides)} objects" in message
    assert bool(logged(logging.WARNING)) == (recall < 60)
    assert recall > 60 or "set MODEL.ANCHOR_GENERATOR.SIZES" in message


def test_a_detector_without_anchors_has_none_to_fit(logged):
    cfg = load_config("quick/fcos_groupnet_photo_digits")
    check_anchors(cfg, build_without_weights(cfg), squares(1, 2))
    assert not logged(logging.INFO)


def test_usual_trainings_are_not_warned_of(logged):
    cfg = load_config(QUICK)
    records = [record(160, 160, (10, 10, 20, 30), (60, 60, 40, 70))] * 20
    check_training(cfg, build_without_weights(cfg), records)
    assert not logged(logging.WARNING)


def test_records_without_boxes_have_no_objects_to_check(logged):
    cfg = load_config("quick/classifier_groupnet_mnist5k")
    check_training(cfg, build_without_weights(cfg), [{"file_name": "x", "label": 0}] * 64)
    assert not logged(logging.INFO)
