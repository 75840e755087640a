"""Sizes of images and objects in training, after resizing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from detectron2.config import CfgNode
from detectron2.structures import BoxMode
from numpy.typing import NDArray

from groupnet_det.config import own_node
from groupnet_det.images.decoding import open_image

Records = Sequence[dict[str, Any]]
Floats = NDArray[np.float64]

MOST_OPENED = 50  # images to open if no record has a size


@dataclass(frozen=True, kw_only=True)
class TrainingObjects:
    """Boxes of the training objects after resizing.

    Attributes:
        boxes: x0, y0, x1, y1 in pixels, (N, 4).
        images: The heights and widths of their images in pixels, (N, 2).
    """

    boxes: Floats
    images: Floats


def training_objects(cfg: CfgNode, records: Records) -> TrainingObjects:
    """Return the training objects, resized to the middle size of ``INPUT.MIN_SIZE_TRAIN``."""
    learned = [
        (a["bbox"], a["bbox_mode"], index)
        for index, record in enumerate(records)
        for a in record.get("annotations", [])
        if not a.get("iscrowd") and "width" in record and "height" in record
    ]
    if not learned:
        return TrainingObjects(boxes=np.zeros((0, 4)), images=np.zeros((0, 2)))
    boxes = np.array([box for box, _, _ in learned], dtype=float)
    is_extent = np.array([mode == BoxMode.XYWH_ABS for _, mode, _ in learned])
    boxes[is_extent, 2:] += boxes[is_extent, :2]
    index = np.array([number for _, _, number in learned])
    own = np.array([(r.get("height", 1), r.get("width", 1)) for r in records], dtype=float)
    new = sizes_after_resizing(own, short=middle_short_side(cfg), longest=cfg.INPUT.MAX_SIZE_TRAIN)
    factors = (new / own)[index][:, [1, 0, 1, 0]]
    return TrainingObjects(boxes=boxes * factors, images=new[index])


def middle_short_side(cfg: CfgNode) -> int:
    """Return the middle size of ``INPUT.MIN_SIZE_TRAIN``, or the middle of its range."""
    sides = sorted(_short_sides(cfg))
    if cfg.INPUT.MIN_SIZE_TRAIN_SAMPLING == "range":
        return round((sides[0] + sides[-1]) / 2)
    return sides[len(sides) // 2]


def largest_batch(cfg: CfgNode, records: Records) -> tuple[int, int]:
    """Return the height and width of the largest batch, including padding.

    Args:
        cfg: The training config.
        records: The training records. If they have no sizes, some of the images are opened.
    """
    kind = cfg.MODEL.META_ARCHITECTURE
    if kind == "ImageClassifier":
        return (own_node(cfg, "INPUT.CLASSIFICATION").TRAIN_CROP,) * 2
    if kind == "SemanticSegmentor":
        crop = own_node(cfg, "INPUT.SEMANTIC").CROP
        return (crop, crop) if crop else _scaled(cfg, records)
    sides = {"short": max(_short_sides(cfg)), "longest": cfg.INPUT.MAX_SIZE_TRAIN}
    new = sizes_after_resizing(_own_sizes(records), **sides)
    if not cfg.DATALOADER.ASPECT_RATIO_GROUPING:
        return _around(new)
    is_wide = new[:, 1] > new[:, 0]
    groups = [_around(group) for group in (new[is_wide], new[~is_wide]) if len(group)]
    return max(groups, key=lambda size: size[0] * size[1])


def sizes_after_resizing(sizes: Floats, *, short: float, longest: float) -> Floats:
    """Compute sizes after Detectron2's ``ResizeShortestEdge``.

    Args:
        sizes: The sizes in pixels, (N, 2).
        short: The new length of the shorter side. 0 resizes nothing.
        longest: The maximum length of the longer side.
    """
    if not short:
        return sizes.copy()
    factor = np.minimum(short / sizes.min(axis=1), longest / sizes.max(axis=1))
    return np.maximum(1, np.floor(sizes * factor[:, None] + 0.5))


def _short_sides(cfg: CfgNode) -> list[int]:
    sides = cfg.INPUT.MIN_SIZE_TRAIN
    return [sides] if isinstance(sides, int) else list(sides)


def _scaled(cfg: CfgNode, records: Records) -> tuple[int, int]:
    options, own = cfg.INPUT.SEMANTIC, _own_sizes(records)
    if options.BASE_SIZE:
        own = own * options.BASE_SIZE / own.max(axis=1, keepdims=True)
    return _around(np.floor(own * options.SCALE_RANGE[1] + 0.5))


def _own_sizes(records: Records) -> Floats:
    stated = [(r["height"], r["width"]) for r in records if "height" in r and "width" in r]
    return np.array(stated or [_size_of_file(r) for r in records[:MOST_OPENED]], dtype=float)


def _size_of_file(record: dict[str, Any]) -> tuple[int, int]:
    with open_image(record["file_name"]) as image:
        return image.size[::-1]


def _around(sizes: Floats) -> tuple[int, int]:
    height, width = sizes.max(axis=0).astype(int)
    return int(height), int(width)
