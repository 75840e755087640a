"""Forward passes for counting: all layers of a network run, none of what follows them.

What a detector does with the raw outputs, boxes and their suppression, depends on the image and
has no layers. So the heads that see regions run on as many regions as the config allows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling import GeneralizedRCNN, PanopticFPN
from detectron2.modeling.meta_arch.dense_detector import DenseDetector
from detectron2.modeling.meta_arch.semantic_seg import SemanticSegmentor
from detectron2.modeling.roi_heads import StandardROIHeads
from torch import Tensor, nn

from groupnet_det.config import own_node
from groupnet_det.config.dense_detectors import DENSE_BY_CLASS
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.models.preprocessing_info import task_of_model
from groupnet_det.modeling.meta_arch.classifier import ImageClassifier

ASPECT = 4 / 3  # of the images that detectors are counted for


@dataclass(frozen=True)
class Regions:
    """On which a part of a detector runs: `number` of height x width pixels."""

    number: int
    height: int
    width: int


def parse_size(text: str) -> tuple[int, int]:
    """``480x640`` -> height, width.

    Raises:
        ConfigError: It is none.
    """
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ConfigError(f"the size is {text!r}; valid: HEIGHTxWIDTH in pixels, such as 480x640")
    return int(sides[0]), int(sides[1])


def default_size(cfg: CfgNode, model: nn.Module) -> tuple[int, int]:
    """Height and width of an image as in evaluation: a classifier's crop, a detector's short side
    with one of 4/3 of it, a segmenter's short side, or training crop, as a square."""
    task = task_of_model(model)
    if task == "classification":
        return (own_node(cfg, "INPUT.CLASSIFICATION").TEST_CROP,) * 2
    if task == "semantic_segmentation" and isinstance(model, SemanticSegmentor):
        options = own_node(cfg, "INPUT.SEMANTIC")
        return (options.TEST_SHORT_SIDE or options.CROP,) * 2
    short = cfg.INPUT.MIN_SIZE_TEST
    return short, min(round(short * ASPECT), cfg.INPUT.MAX_SIZE_TEST or round(short * ASPECT))


def forward_of(model: Any, size: tuple[int, int]) -> Callable[[], Any]:
    """A function that runs all layers of `model` once on an image of zeros.

    Args:
        model: In eval mode, on any device; on the ``meta`` device nothing is computed.
        size: Height and width, which are rounded up as the model's own preparation does.

    Raises:
        ConfigError: It is of an unknown kind.
    """
    run = next((run for kind, run in _FORWARDS.items() if isinstance(model, kind)), None)
    if run is None:
        raise ConfigError(
            f"MODEL.META_ARCHITECTURE gives a {type(model).__name__}, which cannot be analyzed; "
            f"valid: {', '.join(name for kind in _FORWARDS for name in _names(kind))}"
        )
    divisor = max(1, model.backbone.size_divisibility)
    sides = [-(-side // divisor) * divisor for side in size]
    image = torch.zeros(1, model.pixel_mean.numel(), *sides, device=model.pixel_mean.device)
    return lambda: run(model, image)


def region_parts(model: Any) -> dict[str, Regions]:
    """The regions of each part of an R-CNN, by the names that a packed file gives them.

    Raises:
        ConfigError: Its heads are of an unknown kind.
    """
    if not isinstance(model, GeneralizedRCNN):
        return {}
    heads = model.roi_heads
    if not isinstance(heads, StandardROIHeads):
        raise ConfigError(
            f"MODEL.ROI_HEADS.NAME {type(heads).__name__} cannot be analyzed; valid: those with a "
            "box head, such as StandardROIHeads and CascadeROIHeads"
        )
    proposals = Regions(
        model.proposal_generator.post_nms_topk[False], *heads.box_pooler.output_size
    )
    cascade = isinstance(heads.box_head, nn.ModuleList)
    names = [f"box_{k}" for k in range(len(heads.box_head))] if cascade else ["box"]
    parts = dict.fromkeys(names, proposals)
    if heads.mask_on:
        predictor = heads.box_predictor[-1] if cascade else heads.box_predictor
        parts["mask"] = Regions(predictor.test_topk_per_image, *heads.mask_pooler.output_size)
    return parts


def _names(kind: type) -> Iterable[str]:
    """Names of the meta-architectures of a kind."""
    return DENSE_BY_CLASS if kind is DenseDetector else (kind.__name__,)


def _classifier(model: Any, image: Tensor) -> None:
    model.classify(model.backbone(image))


def _dense(model: Any, image: Tensor) -> None:
    features = model.backbone(image)
    model.head([features[name] for name in model.head_in_features])


def _segmentor(model: Any, image: Tensor) -> None:
    model.sem_seg_head(model.backbone(image), None)


def _rcnn(model: Any, image: Tensor) -> dict[str, Tensor]:
    features: dict[str, Tensor] = model.backbone(image)
    rpn, heads = model.proposal_generator, model.roi_heads
    rpn.rpn_head([features[name] for name in rpn.in_features])
    parts = region_parts(model)
    mask = parts.pop("mask", None)
    box_heads = heads.box_head if isinstance(heads.box_head, nn.ModuleList) else [heads.box_head]
    predictors = heads.box_predictor if len(parts) > 1 else [heads.box_predictor]
    for regions, head, predictor in zip(parts.values(), box_heads, predictors, strict=True):
        predictor(head(_pooled(features[heads.box_in_features[0]], regions)))
    if mask:
        heads.mask_head.layers(_pooled(features[heads.mask_in_features[0]], mask))
    return features


def _panoptic(model: Any, image: Tensor) -> None:
    model.sem_seg_head(_rcnn(model, image), None)


def _pooled(feature: Tensor, regions: Regions) -> Tensor:
    return feature.new_zeros(regions.number, feature.shape[1], regions.height, regions.width)


_FORWARDS: dict[type, Callable[[Any, Tensor], Any]] = {
    ImageClassifier: _classifier,
    DenseDetector: _dense,
    SemanticSegmentor: _segmentor,
    PanopticFPN: _panoptic,
    GeneralizedRCNN: _rcnn,
}
