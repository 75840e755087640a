"""Detectron2's FCOS with our head, by configuration; Detectron2 has it for LazyConfig alone."""

from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY, build_backbone
from detectron2.modeling.meta_arch.fcos import FCOS

from groupnet_det.config import own_node
from groupnet_det.modeling.features import PYRAMID, find_features
from groupnet_det.modeling.heads.class_agnostic_nms import is_class_agnostic
from groupnet_det.modeling.heads.fcos_head import FCOS_LEVELS, GroupNetFCOSHead

from .dense_nms import ChosenNMS
from .loss_normalizer import SavedLossNormalizer


@META_ARCH_REGISTRY.register()
class GroupNetFCOS(SavedLossNormalizer, ChosenNMS, FCOS):
    """FCOS whose backbone, neck and head are binary or float by ``MODEL.GROUPNET.PARTS``."""

    @configurable
    def __init__(self, **arguments: Any) -> None:
        """Arguments as ``FCOS``'s and `ChosenNMS`'s, by keyword."""
        super().__init__(**arguments)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        options = own_node(cfg, "MODEL.FCOS")
        backbone = build_backbone(cfg)
        shapes = backbone.output_shape()
        in_features = find_features(shapes, options.IN_FEATURES, FCOS_LEVELS, made_by=PYRAMID)
        return {
            "backbone": backbone,
            "head": GroupNetFCOSHead(cfg, in_features),
            "head_in_features": list(options.IN_FEATURES),
            "num_classes": options.NUM_CLASSES,
            "center_sampling_radius": options.CENTER_SAMPLING_RADIUS,
            "focal_loss_alpha": options.FOCAL_LOSS_ALPHA,
            "focal_loss_gamma": options.FOCAL_LOSS_GAMMA,
            "test_score_thresh": options.SCORE_THRESH_TEST,
            "test_topk_candidates": options.TOPK_CANDIDATES_TEST,
            "test_nms_thresh": options.NMS_THRESH_TEST,
            "class_agnostic_nms": is_class_agnostic(cfg),
            "max_detections_per_image": cfg.TEST.DETECTIONS_PER_IMAGE,
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
        }
