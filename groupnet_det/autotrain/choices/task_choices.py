"""Choices that follow from the statistics about a data set alone, by task."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from groupnet_det.autotrain.dataset_statistics import DatasetStatistics
from groupnet_det.data.checks.training_sizes import sizes_after_resizing

from .anchors import FITTING_IOU, AnchorChoice, find_anchors
from .choice import Choice
from .input_size import classification_side, detection_side, longest_side, segmentation_sizes

# Pyramids that there may be, the cheapest first.
DENSE_LEVELS = ((4, 5), (3, 4), (3, 4, 5), (3, 4, 5, 6, 7))
REGION_LEVELS = ((3, 4, 5), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6))
DEEPEST_STAGE = 5
SMALL_SIDE = 192  # pixels, at which a stride of 32 leaves little to see
MOSTLY_ONE = 0.8  # share of the pixels from which one class is most of them
CACHE_BYTES = 512 << 20  # of decoded images
MOST_CLASSIFIED = 128  # side of images, which a CPU can train in minutes


def choose_detector(statistics: DatasetStatistics) -> list[Choice]:
    """Choose the config values of a RetinaNet."""
    anchors, choices = _choose_objects(statistics, DENSE_LEVELS, per_level=3)
    levels = [f"p{level}" for level in anchors.levels]
    return [
        Choice("MODEL.RETINANET.NUM_CLASSES", len(statistics.class_names), "classes of the data"),
        *choices,
        Choice(
            "MODEL.GROUPNET.FPN.TOP_BLOCK",
            "p6p7_from_res5" if anchors.levels[-1] > DEEPEST_STAGE else "none",
            "levels above p5 only for objects that large",
        ),
        Choice("MODEL.RETINANET.IN_FEATURES", levels, "one for each size of objects"),
    ]


def choose_mask_rcnn(statistics: DatasetStatistics) -> list[Choice]:
    """Choose the config values of a Mask R-CNN."""
    anchors, choices = _choose_objects(statistics, REGION_LEVELS, per_level=1)
    levels = [f"p{level}" for level in anchors.levels]
    return [
        Choice("MODEL.ROI_HEADS.NUM_CLASSES", len(statistics.class_names), "classes of the data"),
        *choices,
        Choice(
            "MODEL.GROUPNET.FPN.TOP_BLOCK",
            "maxpool" if anchors.levels[-1] > DEEPEST_STAGE else "none",
            "a level above p5 only for objects that large",
        ),
        Choice("MODEL.RPN.IN_FEATURES", levels, "one for each size of objects"),
        Choice(
            "MODEL.ROI_HEADS.IN_FEATURES",
            levels[: len([level for level in anchors.levels if level <= DEEPEST_STAGE])],
            "the same, of the backbone's stages",
        ),
        Choice(
            "INPUT.MASK_FORMAT",
            "bitmask" if statistics.has_run_lengths else "polygon",
            "as the masks are written",
        ),
    ]


def _choose_objects(
    statistics: DatasetStatistics, choices_of_levels: Sequence[tuple[int, ...]], *, per_level: int
) -> tuple[AnchorChoice, list[Choice]]:
    side, why = detection_side(statistics.boxes, statistics.box_images, statistics.box_labels)
    longest = longest_side(statistics.image_sizes, side)
    new = sizes_after_resizing(statistics.box_images, short=side, longest=longest)
    boxes = statistics.boxes * (new / statistics.box_images)[:, [1, 0, 1, 0]]
    anchors = find_anchors(boxes, new, choices_of_levels=choices_of_levels, per_level=per_level)
    stages = [f"res{level}" for level in anchors.levels if level <= DEEPEST_STAGE]
    sizes = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    low, high = np.percentile(sizes, [5, 95])
    fitted = (
        f"k-means on {len(boxes)} boxes: {100 * anchors.recall:.1f} % have an anchor of IoU "
        f"{FITTING_IOU} or more"
    )
    limit = "keeps the shape of most images"
    return anchors, [
        Choice("INPUT.MIN_SIZE_TRAIN", [side], why),
        Choice("INPUT.MIN_SIZE_TEST", side, "as in training"),
        Choice("INPUT.MAX_SIZE_TRAIN", longest, limit),
        Choice("INPUT.MAX_SIZE_TEST", longest, limit),
        _flip(statistics),
        Choice(
            "MODEL.GROUPNET.OUT_FEATURES",
            stages,
            f"most objects are {low:.0f} to {high:.0f} pixels after resizing",
        ),
        Choice("MODEL.FPN.IN_FEATURES", stages, "the same"),
        Choice("MODEL.ANCHOR_GENERATOR.SIZES", [list(level) for level in anchors.sizes], fitted),
        Choice("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS", [list(anchors.shapes)], "height by width"),
    ]


def choose_segmenter(statistics: DatasetStatistics) -> list[Choice]:
    """Choose the config values of an FCN."""
    reduced, crop = segmentation_sizes(statistics.short_side)
    scale = (reduced or statistics.short_side) / statistics.short_side
    is_small = scale * statistics.short_side <= SMALL_SIDE
    stages = ["res2", "res3", "res4", *([] if is_small else ["res5"])]
    longest = round(scale * float(np.median(statistics.image_sizes.max(axis=1))))
    share = statistics.commonest_share
    return [
        Choice(
            "MODEL.SEM_SEG_HEAD.NUM_CLASSES", len(statistics.class_names), "classes of the data"
        ),
        Choice(
            "INPUT.SEMANTIC.CROP", crop, f"three quarters of {scale * statistics.short_side:.0f}"
        ),
        Choice("INPUT.SEMANTIC.BASE_SIZE", longest if reduced else 0, "longer side; 0: their own"),
        Choice("INPUT.SEMANTIC.TEST_SHORT_SIDE", reduced, "as in training"),
        Choice("INPUT.SEMANTIC.SCALE_RANGE", [0.75, 1.25], "augmentation"),
        _flip(statistics),
        Choice(
            "MODEL.GROUPNET.OUT_FEATURES", stages, f"images of {scale * statistics.short_side:.0f}"
        ),
        Choice("MODEL.SEM_SEG_HEAD.IN_FEATURES", stages, "the same"),
        Choice(
            "MODEL.GROUPNET.SEGMENTATION.HARD_SHARE",
            0.25 if share > MOSTLY_ONE else 1.0,
            f"the commonest class has {100 * share:.0f} % of the pixels",
        ),
    ]


def choose_classifier(statistics: DatasetStatistics) -> list[Choice]:
    """Choose the config values of a ResNet."""
    side = classification_side(statistics.short_side, most=MOST_CLASSIFIED)
    own = f"images are {statistics.short_side:.0f} pixels; at most {MOST_CLASSIFIED}"
    bytes_ = float(np.mean(statistics.image_sizes.prod(axis=1))) * 3
    decoded = bytes_ * (statistics.num_images + statistics.num_validation)
    fits = decoded <= CACHE_BYTES
    return [
        Choice("MODEL.CLASSIFIER.NUM_CLASSES", len(statistics.class_names), "classes of the data"),
        Choice("INPUT.CLASSIFICATION.TRAIN_CROP", side, own),
        Choice("INPUT.CLASSIFICATION.TEST_RESIZE", side, "as in training"),
        Choice("INPUT.CLASSIFICATION.TEST_CROP", side, "the same"),
        Choice(
            "INPUT.CLASSIFICATION.CROP_SCALE",
            [0.7, 1.0] if _are_characters(statistics.class_names) else [0.5, 1.0],
            "share of the image that is cut; characters must stay complete",
        ),
        _flip(statistics),
        Choice(
            "MODEL.GROUPNET.OUT_FEATURES",
            ["res4" if side < 2 * 32 else "res5"],
            "the deepest that sees more than one pixel",
        ),
        Choice(
            "DATALOADER.CACHE_IMAGES",
            fits,
            f"decoded they are {math.ceil(decoded / 2**20)} MiB",
        ),
    ]


def _flip(statistics: DatasetStatistics) -> Choice:
    kept: tuple[Any, str] = ("horizontal", "mirrored images look as likely")
    if _are_characters(statistics.class_names):
        kept = ("none", "a mirrored character is another one")
    elif _are_sided(statistics.class_names):
        kept = ("none", "classes differ in left and right")
    return Choice("INPUT.RANDOM_FLIP", *kept)


def _are_characters(names: Sequence[str]) -> bool:
    """Whether all classes but one, the background, are called by single characters or numbers."""
    return sum(len(name) > 1 and not name.isdigit() for name in names) <= 1 < len(names)


def _are_sided(names: Sequence[str]) -> bool:
    words = {word for name in names for word in name.lower().replace("_", " ").split()}
    return bool(words & {"left", "right"})
