"""Outputs of an ONNX file of each meta-architecture, by name.

N images of H x W pixels; A anchors per position; C classes; levels l of a pyramid.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groupnet_det.config.dense_detectors import DENSE_DETECTORS
from groupnet_det.errors import ConfigError

OnnxOutputs = dict[str, Tensor]
Describe = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class OnnxTask:
    """One kind of model.

    Attributes:
        name: ``classification`` and so on, for the metadata.
        heads: Computes the outputs by name from the model, the backbone's maps and (H, W).
        predict: Computes, from the model and images (N, 3, H, W) in its order of channels, the
            same outputs, by the way that evaluation takes as far as there is one.
        count_classes: C.
        describe: More for the metadata: what the raw outputs of a detector belong to.
    """

    name: str
    heads: Callable[[Any, Mapping[str, Tensor], tuple[int, int]], OnnxOutputs]
    predict: Callable[["OnnxTask", Any, Tensor], OnnxOutputs]
    count_classes: Callable[[Any], int]
    describe: Describe = lambda model: {}


def find_task(model: Any) -> OnnxTask:
    """The task of a model, by its class.

    Raises:
        ConfigError: No task is known for it; the message lists the classes that there are.
    """
    for base in type(model).__mro__:
        if base.__name__ in TASKS:
            return TASKS[base.__name__]
    raise ConfigError(
        f"MODEL.META_ARCHITECTURE is {type(model).__name__}, of which no ONNX file can be made; "
        f"valid: {', '.join(TASKS)}"
    )


def _batch(images: Tensor) -> list[dict[str, Any]]:
    return [{"image": image} for image in images]


def _classify(model: Any, features: Mapping[str, Tensor], size: tuple[int, int]) -> OnnxOutputs:
    return {"logits": model.classify(features)}


def _classes(task: OnnxTask, model: Any, images: Tensor) -> OnnxOutputs:
    return {"logits": torch.stack([output["logits"] for output in model(_batch(images))])}


def _segment(model: Any, features: Mapping[str, Tensor], size: tuple[int, int]) -> OnnxOutputs:
    logits, _ = model.sem_seg_head(features)
    return {"logits": logits[..., : size[0], : size[1]]}


def _label_scores(task: OnnxTask, model: Any, images: Tensor) -> OnnxOutputs:
    return {"logits": torch.stack([output["sem_seg"] for output in model(_batch(images))])}


def _dense(model: Any, features: Mapping[str, Tensor], size: tuple[int, int]) -> OnnxOutputs:
    names = model.head_in_features
    heads = zip(DENSE_OUTPUTS, model.head([features[name] for name in names]), strict=False)
    return _by_level(heads, names)


def _proposals(model: Any, features: Mapping[str, Tensor], size: tuple[int, int]) -> OnnxOutputs:
    generator = model.proposal_generator
    maps = [features[name] for name in generator.in_features]
    heads = zip(RPN_OUTPUTS, generator.rpn_head(maps), strict=True)
    pooled = {f"features_{name}": features[name] for name in _pooled(model)}
    return {**_by_level(heads, generator.in_features), **pooled}


def _panoptic(model: Any, features: Mapping[str, Tensor], size: tuple[int, int]) -> OnnxOutputs:
    scores = _segment(model, features, size)["logits"]
    return {**_proposals(model, features, size), "sem_seg_logits": scores}


def _raw(task: OnnxTask, model: Any, images: Tensor) -> OnnxOutputs:
    """The heads on what the model itself makes of the images: evaluation does not show them."""
    features = model.backbone(model.preprocess_image(_batch(images)).tensor)
    return task.heads(model, features, (images.shape[2], images.shape[3]))


def _by_level(heads: Any, levels: list[str]) -> OnnxOutputs:
    return {
        f"{head}_{level}": values
        for head, maps in heads
        for level, values in zip(levels, maps, strict=True)
    }


def _pooled(model: Any) -> list[str]:
    """Levels from which the second stage takes its regions."""
    heads = model.roi_heads
    return list(getattr(heads, "box_in_features", None) or heads.in_features)


def _anchors(generator: Any, levels: list[str], transform: Any) -> dict[str, Any]:
    """The values that turn deltas into boxes: corners of the anchors around (offset, offset) times
    the stride, strides by level, and the weights by which deltas are divided."""
    return {
        "levels": list(levels),
        "strides": list(generator.strides),
        "cell_anchors": [anchors.tolist() for anchors in generator.cell_anchors],
        "anchor_offset": generator.offset,
        "box_transform": type(transform).__name__,
        "box_weights": list(getattr(transform, "weights", ())),
    }


def _dense_anchors(model: Any) -> dict[str, Any]:
    return _anchors(model.anchor_generator, model.head_in_features, model.box2box_transform)


def _rpn_anchors(model: Any) -> dict[str, Any]:
    generator = model.proposal_generator
    return _anchors(generator.anchor_generator, generator.in_features, generator.box2box_transform)


DENSE_OUTPUTS = ("logits", "deltas", "centerness")  # not each head gives the last one
RPN_OUTPUTS = ("objectness", "deltas")

_DENSE = OnnxTask(
    name="detection, raw outputs of the heads",
    heads=_dense,
    predict=_raw,
    count_classes=lambda model: model.num_classes,
    describe=_dense_anchors,
)

# Tasks by the class of the model, or one that it derives from.
TASKS: dict[str, OnnxTask] = {
    # logits (N, C)
    "ImageClassifier": OnnxTask(
        name="classification",
        heads=_classify,
        predict=_classes,
        count_classes=lambda model: model.fc.out_features,
    ),
    # logits (N, C, H, W)
    "SemanticSegmentor": OnnxTask(
        name="semantic segmentation",
        heads=_segment,
        predict=_label_scores,
        count_classes=lambda model: model.sem_seg_head.num_classes,
    ),
    # logits_l (N, A C, H_l, W_l), deltas_l (N, A 4, H_l, W_l), from points (A = 1) also
    # centerness_l (N, 1, H_l, W_l)
    **{each.name: _DENSE for each in DENSE_DETECTORS},
    # objectness_l and deltas_l, sem_seg_logits (N, C', H, W), and features_l
    "PanopticFPN": OnnxTask(
        name="panoptic segmentation, raw outputs of the region proposal network",
        heads=_panoptic,
        predict=_raw,
        count_classes=lambda model: model.roi_heads.num_classes,
        describe=_rpn_anchors,
    ),
    # objectness_l (N, A, H_l, W_l), deltas_l (N, A 4, H_l, W_l), and the maps that the second
    # stage takes its regions from, features_l
    "GeneralizedRCNN": OnnxTask(
        name="detection, raw outputs of the region proposal network",
        heads=_proposals,
        predict=_raw,
        count_classes=lambda model: model.roi_heads.num_classes,
        describe=_rpn_anchors,
    ),
}
