"""Warnings before training about what makes it slow or learn little: schedule, sizes, anchors and
precision."""

import logging
from collections.abc import Sequence

import numpy as np
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_anchor_generator
from torch import nn

from groupnet_det.config import own_node
from groupnet_det.config.dense_detectors import DENSE_BY_ARCHITECTURE
from groupnet_det.data.checks.training_sizes import (
    Floats,
    Records,
    TrainingObjects,
    middle_short_side,
    training_objects,
)
from groupnet_det.machine import multiplies_bfloat16

from .anchor_recall import best_overlaps

logger = logging.getLogger(__name__)

WARMUP_SHARE = 0.2  # of the schedule
LEAST_SIDE = 4.0  # pixels of an object, below which nothing is left of it
SMALL_SHARE = 0.01  # of the objects may be smaller
FITTING_IOU, LEAST_RECALL = 0.5, 0.6
# Where the anchors' levels are named, by the meta-architecture.
ANCHOR_FEATURES = {
    **{key: dense.node for key, dense in DENSE_BY_ARCHITECTURE.items() if dense.has_anchors},
    "GeneralizedRCNN": "MODEL.RPN",
    "PanopticFPN": "MODEL.RPN",
}


def check_training(cfg: CfgNode, model: nn.Module, records: Records) -> None:
    """Log what is unusual about a training.

    Args:
        cfg: Config of the training.
        model: The result of `build_without_weights`.
        records: Records of ``DATASETS.TRAIN``.
    """
    check_schedule(cfg, len(records))
    check_precision(cfg)
    objects = training_objects(cfg, records)
    if len(objects.boxes):
        check_object_sizes(cfg, objects)
        check_anchors(cfg, model, objects)


def check_schedule(cfg: CfgNode, num_images: int) -> None:
    """A warm-up that takes most of the training, and a batch of more images than there are."""
    solver = cfg.SOLVER
    longest = int(WARMUP_SHARE * solver.MAX_ITER)
    if longest < solver.WARMUP_ITERS and solver.WARMUP_FACTOR < 1:
        logger.warning(
            f"SOLVER.WARMUP_ITERS is {solver.WARMUP_ITERS}, more than a fifth of SOLVER.MAX_ITER "
            f"{solver.MAX_ITER}: the learning rate is low for most of what is learned; set "
            f"SOLVER.WARMUP_ITERS to {longest} or less"
        )
    if num_images < solver.IMS_PER_BATCH:
        logger.warning(
            f"SOLVER.IMS_PER_BATCH is {solver.IMS_PER_BATCH}, but there are {num_images} training "
            f"images, so batches hold images several times; set it to {num_images} or less"
        )


def check_precision(cfg: CfgNode) -> None:
    """Mixed precision on a processor that only emulates it."""
    precision = cfg.SOLVER.AMP
    is_used = cfg.MODEL.DEVICE == "cpu" and precision.ENABLED and precision.DTYPE == "bfloat16"
    if is_used and multiplies_bfloat16() is False:
        logger.warning(
            "SOLVER.AMP.ENABLED is slower than float32 on this processor, which has no "
            "instructions for bfloat16; set SOLVER.AMP.ENABLED to False"
        )


def check_object_sizes(cfg: CfgNode, objects: TrainingObjects) -> None:
    """Objects of which too few pixels are left."""
    sides = _extents(objects).min(axis=1)
    small = int((sides < LEAST_SIDE).sum())
    if small < SMALL_SHARE * len(sides):
        return
    share = 100 * small / len(sides)
    logger.warning(
        f"{small} of {len(sides)} objects ({share:.0f} %) are less than {LEAST_SIDE:.0f} pixels "
        f"wide or high at INPUT.MIN_SIZE_TRAIN {middle_short_side(cfg)} (and MAX_SIZE_TRAIN "
        f"{cfg.INPUT.MAX_SIZE_TRAIN}), too few to be found; raise it, or cut the images into tiles"
    )


def check_anchors(cfg: CfgNode, model: nn.Module, objects: TrainingObjects) -> None:
    """Count objects that have an anchor with IoU 0.5 or more; warn if they are below 60 %.

    The anchors are those of the config's own generator, if that is Detectron2's default one.
    """
    node = ANCHOR_FEATURES.get(cfg.MODEL.META_ARCHITECTURE)
    if node is None or cfg.MODEL.ANCHOR_GENERATOR.NAME != "DefaultAnchorGenerator":
        return
    shapes = model.get_submodule("backbone").output_shape()  # type: ignore[operator]
    levels: list[ShapeSpec] = [shapes[name] for name in own_node(cfg, node).IN_FEATURES]
    generator = build_anchor_generator(cfg, levels)
    anchors = [cell.double().numpy() for cell in generator.cell_anchors]
    overlaps = best_overlaps(
        objects.boxes,
        objects.images,
        anchors=anchors,
        strides=generator.strides,
        offset=generator.offset,
    )
    recall = float((overlaps >= FITTING_IOU).mean())
    summary = (
        f"{100 * recall:.0f} % of {len(overlaps)} objects have an anchor that overlaps them by "
        f"IoU {FITTING_IOU} or more"
    )
    if recall >= LEAST_RECALL:
        logger.info(summary)
        return
    logger.warning(f"only {summary}; {_anchor_remedy(objects, anchors)}")


def _anchor_remedy(objects: TrainingObjects, anchors: Sequence[Floats]) -> str:
    """Sizes and shapes of objects and anchors in words."""
    extents = _extents(objects)
    extents = extents[extents.min(axis=1) > 0]
    cells = np.concatenate(anchors)
    shapes = cells[:, 2:] - cells[:, :2]
    own, theirs = (np.sqrt(both.prod(axis=1)) for both in (extents, shapes))
    low, middle, high = np.percentile(own, [10, 50, 90])
    tall = np.percentile(extents[:, 1] / extents[:, 0], [10, 90])
    return (
        f"most objects are {low:.0f} to {high:.0f} pixels after resizing (half are below "
        f"{middle:.0f}) and {tall[0]:.1f} to {tall[1]:.1f} times as high as wide, the anchors "
        f"{theirs.min():.0f} to {theirs.max():.0f} pixels; set MODEL.ANCHOR_GENERATOR.SIZES and "
        "ASPECT_RATIOS to fit"
    )


def _extents(objects: TrainingObjects) -> Floats:
    return objects.boxes[:, 2:] - objects.boxes[:, :2]
