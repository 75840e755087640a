"""Detectron2's RetinaNet with our head, which that class would make itself."""

from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY, build_backbone
from detectron2.modeling.meta_arch.retinanet import RetinaNet

from groupnet_det.modeling.features import PYRAMID, find_features
from groupnet_det.modeling.heads.class_agnostic_nms import is_class_agnostic
from groupnet_det.modeling.heads.retinanet_head import RETINANET_LEVELS, GroupNetRetinaNetHead

from .dense_nms import ChosenNMS
from .loss_normalizer import SavedLossNormalizer


@META_ARCH_REGISTRY.register()
class GroupNetRetinaNet(SavedLossNormalizer, ChosenNMS, RetinaNet):
    """RetinaNet whose backbone, neck and head are binary or float by ``MODEL.GROUPNET.PARTS``."""

    @configurable
    def __init__(self, **arguments: Any) -> None:
        """Arguments as ``RetinaNet``'s and `ChosenNMS`'s, by keyword."""
        super().__init__(**arguments)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        names = cfg.MODEL.RETINANET.IN_FEATURES
        try:
            arguments = super().from_config(cfg)
        except KeyError:  # without a word on what there is
            find_features(
                build_backbone(cfg).output_shape(), names, RETINANET_LEVELS, made_by=PYRAMID
            )
            raise
        shapes = arguments["backbone"].output_shape()
        in_features = find_features(shapes, names, RETINANET_LEVELS, made_by=PYRAMID)
        arguments["head"] = GroupNetRetinaNetHead(cfg, in_features)
        arguments["class_agnostic_nms"] = is_class_agnostic(cfg)
        return arguments
