"""Importing this module registers all our parts with Detectron2: the one place that does."""

from .backbones.detectron2_backbones import build_groupnet_resnet_backbone
from .heads.box_head import GroupNetBoxHead
from .heads.deeplab_head import GroupNetDeepLabV3Head, GroupNetDeepLabV3PlusHead
from .heads.fcn_head import GroupNetFCNHead
from .heads.mask_head import GroupNetMaskHead
from .heads.panoptic_head import GroupNetPanopticHead
from .heads.rpn_head import GroupNetRPNHead
from .meta_arch.classifier import ImageClassifier
from .meta_arch.fcos import GroupNetFCOS
from .meta_arch.retinanet import GroupNetRetinaNet
from .necks.binary_fpn import build_groupnet_resnet_fpn_backbone

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
