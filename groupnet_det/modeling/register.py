"""Importing this module registers all our parts with Detectron2: the one place that does."""

from collections.abc import Callable

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, Backbone

from groupnet_det.modeling.backbones.detectron2_backbones import BACKBONES
from groupnet_det.modeling.heads.box_head import GroupNetBoxHead
from groupnet_det.modeling.heads.class_agnostic_nms import (
    ClassAgnosticCascadeROIHeads,
    ClassAgnosticROIHeads,
)
from groupnet_det.modeling.heads.mask_head import GroupNetMaskHead
from groupnet_det.modeling.heads.panoptic_head import GroupNetPanopticHead
from groupnet_det.modeling.heads.rpn_head import GroupNetRPNHead
from groupnet_det.modeling.heads.segmentation.deeplab_head import (
    GroupNetDeepLabV3Head,
    GroupNetDeepLabV3PlusHead,
)
from groupnet_det.modeling.heads.segmentation.fcn_head import GroupNetFCNHead
from groupnet_det.modeling.meta_arch.classifier import ImageClassifier
from groupnet_det.modeling.meta_arch.fcos import GroupNetFCOS
from groupnet_det.modeling.meta_arch.retinanet import GroupNetRetinaNet
from groupnet_det.modeling.necks.binary_fpn import build_pyramid

__all__ = [
    "ClassAgnosticCascadeROIHeads",
    "ClassAgnosticROIHeads",
    "GroupNetBoxHead",
    "GroupNetDeepLabV3Head",
    "GroupNetDeepLabV3PlusHead",
    "GroupNetFCNHead",
    "GroupNetFCOS",
    "GroupNetMaskHead",
    "GroupNetPanopticHead",
    "GroupNetRPNHead",
    "GroupNetRetinaNet",
    "ImageClassifier",
    "register_backbone",
]

BackboneBuilder = Callable[[CfgNode, ShapeSpec], Backbone]


def register_backbone(name: str, build: BackboneBuilder) -> None:
    """Make ``build_<name>_backbone`` and ``build_<name>_fpn_backbone`` values of
    ``MODEL.BACKBONE.NAME``.

    Args:
        build: Makes the backbone without a pyramid, a `StagedBackbone`.
    """

    def build_with_pyramid(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
        return build_pyramid(cfg, build(cfg, input_shape))

    for ending, builder in {"backbone": build, "fpn_backbone": build_with_pyramid}.items():
        _register(f"build_{name}_{ending}", builder)


def _register(name: str, build: BackboneBuilder) -> None:
    def builder(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
        return build(cfg, input_shape)

    builder.__name__ = builder.__qualname__ = name  # by which the registry knows it
    BACKBONE_REGISTRY.register(builder)


for _name, _build in BACKBONES.items():
    register_backbone(_name, _build)
