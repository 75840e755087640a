"""Sizes that training sees, against Detectron2's own resizing."""

import numpy as np
import pytest
from detectron2.data.transforms import ResizeShortestEdge
from detectron2.structures import BoxMode

from groupnet_det.config import load_config
from groupnet_det.data.checks.training_sizes import (
    largest_batch,
    middle_short_side,
    sizes_after_resizing,
    training_objects,
)

MODEL = "MODEL.META_ARCHITECTURE"


def record(height, width, *boxes):
    annotations = [{"bbox": b, "bbox_mode": BoxMode.XYWH_ABS, "category_id": 0} for b in boxes]
    return {"height": height, "width": width, "annotations": annotations}


@pytest.mark.parametrize(("short", "longest"), [(160, 200), (800, 1333), (33, 999)])
def test_images_are_resized_as_by_detectron2(short, longest):
    sizes = np.random.default_rng(0).integers(20, 2000, (300, 2)).astype(float)
    expected = [ResizeShortestEdge.get_output_shape(*map(int, s), short, longest) for s in sizes]
    np.testing.assert_array_equal(
        sizes_after_resizing(sizes, short=short, longest=longest), expected
    )


def test_objects_are_resized_with_their_images_and_crowds_left_out():
    cfg = load_config("", ["INPUT.MIN_SIZE_TRAIN", "(50, 100, 900)", "INPUT.MAX_SIZE_TRAIN", "150"])
    first = record(50, 200, (20, 10, 40, 20))  # limited by its longer side, so 3 / 4 of it
    second = record(50, 50, (1, 2, 3, 4), (0, 0, 9, 9))
    second["annotations"][1]["iscrowd"] = 1
    found = training_objects(cfg, [first, second])
    np.testing.assert_allclose(found.boxes[1], [2, 4, 8, 12])
    np.testing.assert_allclose(found.boxes[0, 2:] - found.boxes[0, :2], [30, 15], atol=0.3)
    np.testing.assert_array_equal(found.images, [(38, 150), (100, 100)])


@pytest.mark.parametrize(
    ("sampling", "expected"), [("choice", 100), ("range", 475)], ids=["choice", "range"]
)
def test_the_middle_of_the_sizes(sampling, expected):
    options = ["INPUT.MIN_SIZE_TRAIN", "(900, 50, 100)", "INPUT.MIN_SIZE_TRAIN_SAMPLING", sampling]
    assert middle_short_side(load_config("", options)) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (100, 150)),
        (["DATALOADER.ASPECT_RATIO_GROUPING", "False"], (125, 150)),
        ([MODEL, "ImageClassifier", "INPUT.CLASSIFICATION.TRAIN_CROP", "96"], (96, 96)),
        ([MODEL, "SemanticSegmentor", "INPUT.SEMANTIC.CROP", "70"], (70, 70)),
        ([MODEL, "SemanticSegmentor", "INPUT.SEMANTIC.CROP", "0"], (250, 300)),
    ],
    ids=["grouped", "not grouped", "classifier", "crop", "no crop"],
)
def test_the_largest_batch(options, expected):
    records = [record(100, 150), record(50, 75), record(125, 100), record(100, 90)]
    sizes = ["INPUT.MIN_SIZE_TRAIN", "[60, 100]", "INPUT.MAX_SIZE_TRAIN", "500"]
    assert largest_batch(load_config("", [*sizes, *options]), records) == expected
