"""Post-processing of detectors as the plain JSON of docs/reference/packed-format.md."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from detectron2.layers import ROIAlign
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.modeling.box_regression import Box2BoxTransform, Box2BoxTransformLinear
from detectron2.modeling.poolers import ROIPooler

from groupnet_det.config.dense_detectors import DENSE_DETECTORS, DenseDetector
from groupnet_det.errors import ConfigError
from groupnet_det.packed.score_thresholds import (
    ScoreThreshold,
    check_known_classes,
    check_score_threshold,
)

_FROM_POINTS = ", ".join(each.name for each in DENSE_DETECTORS if not each.has_anchors)

MASK_THRESHOLD = 0.5  # Detectron2's


def describe_dense(model: Any, detector: DenseDetector) -> dict[str, Any]:
    """Describe the postprocessing of a dense detector, Detectron2's or ours."""
    levels = list(model.head_in_features)
    return {
        "kind": detector.packed_kind,
        "levels": levels,
        "anchors": describe_anchors(model.anchor_generator, levels),
        "box_coding": describe_box_coding(model.box2box_transform),
        "score": detector.packed_score,
        "score_threshold": float(model.test_score_thresh),
        "topk": int(model.test_topk_candidates),
        "nms_threshold": float(model.test_nms_thresh),
        "max_detections": int(model.max_detections_per_image),
        **_describe_nms(model),
    }


def describe_rcnn(
    proposals: Any, roi_heads: Any, stages: Mapping[str, Any], mask: dict[str, Any] | None
) -> dict[str, Any]:
    """Describe that of Detectron2's ``RPN`` and ``StandardROIHeads`` or ``CascadeROIHeads``.

    Args:
        proposals: The RPN.
        roi_heads: The heads.
        stages: The box predictors by the names of their parts.
        mask: See `describe_mask`, if there is a mask head.
    """
    last = list(stages.values())[-1]
    return {
        "kind": "rcnn",
        "proposals": _describe_proposals(proposals),
        "pooler": describe_pooler(roi_heads.box_pooler, roi_heads.box_in_features),
        "stages": [
            {
                "part": part,
                "box_coding": describe_box_coding(predictor.box2box_transform),
                "class_agnostic": predictor.bbox_pred.out_features == 4,
            }
            for part, predictor in stages.items()
        ],
        "score": "sigmoid" if last.use_sigmoid_ce else "softmax",
        "score_threshold": float(last.test_score_thresh),
        "nms_threshold": float(last.test_nms_thresh),
        "max_detections": int(last.test_topk_per_image),
        "mask": mask,
        **_describe_nms(roi_heads),
    }


def _describe_nms(detector: Any) -> dict[str, Any]:
    """Nothing where boxes are suppressed within each class, as older versions take for granted."""
    return {"class_agnostic_nms": True} if getattr(detector, "class_agnostic_nms", False) else {}


def describe_score_threshold(
    threshold: ScoreThreshold | None, class_names: Sequence[str]
) -> dict[str, Any]:
    """Score thresholds by class name; nothing where there are none.

    Args:
        threshold: A threshold for all classes, or one by class name; None for none.
        class_names: Names of all classes of objects; empty for a network that finds no objects.

    Raises:
        ConfigError: A threshold is not a score, or of an unknown class.
    """
    if threshold is None:
        return {}
    check_score_threshold(threshold)
    if not isinstance(threshold, Mapping):
        if not class_names:
            raise ConfigError("the score threshold is for networks that find objects; leave it out")
        threshold = dict.fromkeys(class_names, threshold)
    check_known_classes(threshold, class_names)
    chosen = {name: float(threshold[name]) for name in class_names if name in threshold}
    return {"class_score_thresholds": chosen} if chosen else {}


def describe_mask(roi_heads: Any, part: str, threshold: float) -> dict[str, Any]:
    """Describe that of the mask head of `describe_rcnn`'s heads.

    Args:
        part: The name of its part.
        threshold: Probability from which a pixel is part of the mask.

    Raises:
        ConfigError: The threshold is not a probability.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(
            f"MODEL.GROUPNET.HEAD.MASK_THRESHOLD is {threshold}; valid: probabilities, 0 to 1"
        )
    return {
        "part": part,
        "pooler": describe_pooler(roi_heads.mask_pooler, roi_heads.mask_in_features),
        "class_agnostic": roi_heads.mask_head.predictor.out_channels == 1,
        "threshold": float(threshold),
    }


def _describe_proposals(rpn: Any) -> dict[str, Any]:
    levels = list(rpn.in_features)
    return {
        "levels": levels,
        "anchors": describe_anchors(rpn.anchor_generator, levels),
        "box_coding": describe_box_coding(rpn.box2box_transform),
        "pre_nms_topk": int(rpn.pre_nms_topk[False]),
        "nms_threshold": float(rpn.nms_thresh),
        "post_nms_topk": int(rpn.post_nms_topk[False]),
        "min_box_size": float(rpn.min_box_size),
    }


def describe_anchors(generator: Any, levels: Sequence[str]) -> dict[str, Any]:
    """
    Raises:
        ConfigError: They are others than Detectron2's default ones.
    """
    if type(generator) is not DefaultAnchorGenerator:
        raise ConfigError(
            f"MODEL.ANCHOR_GENERATOR.NAME gives a {type(generator).__name__}, which cannot be "
            "exported; valid: DefaultAnchorGenerator"
        )
    cells = [cell.tolist() for cell in generator.cell_anchors]
    return {
        "cells": dict(zip(levels, cells, strict=True)),
        "strides": dict(zip(levels, map(int, generator.strides), strict=True)),
        "offset": float(generator.offset),
    }


def describe_box_coding(transform: Any) -> dict[str, Any]:
    """
    Raises:
        ConfigError: Boxes are coded in another way than Detectron2's two usual ones.
    """
    if type(transform) is Box2BoxTransform:
        weights = [float(weight) for weight in transform.weights]
        return {"kind": "size", "weights": weights, "clamp": float(transform.scale_clamp)}
    if type(transform) is Box2BoxTransformLinear and transform.normalize_by_size:
        return {"kind": "distances"}
    raise ConfigError(
        f"boxes are coded by a {type(transform).__name__}, which cannot be exported; valid: "
        f"Box2BoxTransform, and for {_FROM_POINTS} Box2BoxTransformLinear of normalized sizes"
    )


def describe_pooler(pooler: ROIPooler, levels: Sequence[str]) -> dict[str, Any]:
    """
    Raises:
        ConfigError: It pools in another way than RoIAlign.
    """
    poolers: list[Any] = list(pooler.level_poolers)
    return {
        "levels": list(levels),
        "strides": [round(1 / each.spatial_scale) for each in poolers],
        "resolution": [int(side) for side in pooler.output_size],
        "sampling_ratio": max(0, int(getattr(poolers[0], "sampling_ratio", 0))),
        "type": _pooler_type(poolers[0]),
        "canonical_box_size": int(pooler.canonical_box_size),
        "canonical_level": int(pooler.canonical_level),
    }


def _pooler_type(pooler: Any) -> str:
    if isinstance(pooler, ROIAlign):
        return "ROIAlignV2" if pooler.aligned else "ROIAlign"
    raise ConfigError(
        f"POOLER_TYPE gives a {type(pooler).__name__}, which cannot be exported; valid: "
        "ROIAlignV2, ROIAlign"
    )


def common_levels(poolers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The levels that poolers take regions from, from fine to coarse, each once."""
    strides = {
        level: stride
        for pooler in poolers
        for level, stride in zip(pooler["levels"], pooler["strides"], strict=True)
    }
    return sorted(strides, key=lambda level: math.log2(strides[level]))
