"""Importing this module registers all our parts with Detectron2: the one place that does."""

from groupnet_det.modeling.backbones.detectron2_backbones import build_groupnet_resnet_backbone
from groupnet_det.modeling.heads.box_head import GroupNetBoxHead
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
from groupnet_det.modeling.necks.binary_fpn import build_groupnet_resnet_fpn_backbone

__all__ = [
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
    "build_groupnet_resnet_backbone",
    "build_groupnet_resnet_fpn_backbone",
]
