"""Choices by task, of statistics that are given."""

import numpy as np
import pytest

from groupnet_det.autotrain.choices.task_choices import (
    choose_classifier,
    choose_detector,
    choose_mask_rcnn,
    choose_segmenter,
)
from groupnet_det.autotrain.choices.widths import CHANNELS, TOWERS
from groupnet_det.autotrain.dataset_statistics import DatasetStatistics


def statistics(*, size=(480, 640), sides=(), names=("cat", "dog"), number=100, **changes):
    """`number` images of a size, with squares of these sides at the left upper corner."""
    sides = np.array(sides, dtype=float)
    settings = {
        "num_images": number,
        "num_validation": 20,
        "class_names": names,
        "image_sizes": np.array([size], dtype=float),
        "boxes": np.stack([0 * sides, 0 * sides, sides, sides], axis=1),
        "box_images": np.tile(np.array([size], dtype=float), (len(sides), 1)),
        "box_labels": np.zeros(len(sides), dtype=int),
        "has_run_lengths": False,
        "commonest_share": 0.0,
    }
    return DatasetStatistics(**{**settings, **changes})


def values(choices):
    return {choice.key: choice.value for choice in choices}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("cat", "dog"), "horizontal"),
        (("0", "1", "12"), "none"),
        (("A", "b"), "none"),
        (("background", "3", "4"), "none"),
        (("x",), "horizontal"),
        (("left hand", "right_hand"), "none"),
        (("cell", "nucleus"), "horizontal"),
        (("leftover", "bright"), "horizontal"),
    ],
)
def test_mirroring(names, expected):
    chosen = values(choose_classifier(statistics(names=names)))
    assert chosen["INPUT.RANDOM_FLIP"] == expected


@pytest.mark.parametrize(
    ("sides", "stages", "levels", "top"),
    [
        ([48, 60, 100] * 10, ["res3", "res4"], ["p3", "p4"], "none"),
        ([40, 100, 300] * 10, ["res3", "res4", "res5"], ["p3", "p4", "p5"], "none"),
        (
            [40, 100, 460] * 10,
            ["res3", "res4", "res5"],
            ["p3", "p4", "p5", "p6", "p7"],
            "p6p7_from_res5",
        ),
    ],
    ids=["small", "middle", "large"],
)
def test_pyramids_of_detectors(sides, stages, levels, top):
    chosen = values(choose_detector(statistics(sides=sides)))
    assert chosen["MODEL.GROUPNET.OUT_FEATURES"] == chosen["MODEL.FPN.IN_FEATURES"] == stages
    assert chosen["MODEL.RETINANET.IN_FEATURES"] == levels
    assert chosen["MODEL.GROUPNET.FPN.TOP_BLOCK"] == top
    assert [len(sizes) for sizes in chosen["MODEL.ANCHOR_GENERATOR.SIZES"]] == [3] * len(levels)
    assert chosen["INPUT.MIN_SIZE_TRAIN"] == [chosen["INPUT.MIN_SIZE_TEST"]]


def test_a_mask_rcnn_has_one_size_a_level_and_no_regions_above_p5():
    found = statistics(sides=[20, 40, 100, 460] * 10, has_run_lengths=True)
    chosen = values(choose_mask_rcnn(found))
    assert chosen["MODEL.RPN.IN_FEATURES"] == ["p2", "p3", "p4", "p5", "p6"]
    assert chosen["MODEL.ROI_HEADS.IN_FEATURES"] == ["p2", "p3", "p4", "p5"]
    assert chosen["MODEL.GROUPNET.FPN.TOP_BLOCK"] == "maxpool"
    assert [len(sizes) for sizes in chosen["MODEL.ANCHOR_GENERATOR.SIZES"]] == [1] * 5
    assert chosen["INPUT.MASK_FORMAT"] == "bitmask"
    polygons = values(choose_mask_rcnn(statistics(sides=[20, 40] * 10)))
    assert polygons["INPUT.MASK_FORMAT"] == "polygon"


def test_the_recall_is_reported():
    (sizes,) = [
        choice
        for choice in choose_detector(statistics(sides=[48, 60, 100] * 10))
        if choice.key == "MODEL.ANCHOR_GENERATOR.SIZES"
    ]
    assert sizes.why == "k-means on 30 boxes: 100.0 % have an anchor of IoU 0.5 or more"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((160, 160), (96, 0, 0, ["res2", "res3", "res4"])),
        ((256, 320), (192, 0, 0, ["res2", "res3", "res4", "res5"])),
        ((960, 1280), (224, 427, 320, ["res2", "res3", "res4", "res5"])),
    ],
    ids=["small", "middle", "reduced"],
)
def test_sizes_of_segmenters(size, expected):
    chosen = values(choose_segmenter(statistics(size=size)))
    keys = ("CROP", "BASE_SIZE", "TEST_SHORT_SIDE")
    crop, base, short, stages = expected
    assert [chosen[f"INPUT.SEMANTIC.{key}"] for key in keys] == [crop, base, short]
    assert chosen["MODEL.SEM_SEG_HEAD.IN_FEATURES"] == stages


@pytest.mark.parametrize(("share", "expected"), [(0.85, 0.25), (0.6, 1.0)])
def test_hard_pixels_where_one_class_is_most_of_them(share, expected):
    chosen = values(choose_segmenter(statistics(commonest_share=share)))
    assert chosen["MODEL.GROUPNET.SEGMENTATION.HARD_SHARE"] == expected


@pytest.mark.parametrize(
    ("size", "number", "side", "stage", "cached"),
    [
        ((28, 28), 1000, 32, "res4", True),
        ((100, 100), 1000, 96, "res5", True),
        ((480, 640), 1000, 128, "res5", False),
    ],
)
def test_sizes_of_classifiers(size, number, side, stage, cached):
    chosen = values(choose_classifier(statistics(size=size, number=number)))
    assert chosen["INPUT.CLASSIFICATION.TRAIN_CROP"] == side
    assert chosen["MODEL.GROUPNET.OUT_FEATURES"] == [stage]
    assert chosen["DATALOADER.CACHE_IMAGES"] is cached


def test_every_width_has_its_channels():
    assert set(CHANNELS) == set(TOWERS) == {1.0, 0.5, 0.25}
