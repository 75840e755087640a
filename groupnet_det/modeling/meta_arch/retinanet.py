"""Detectron2's RetinaNet with our head, which that class would make itself."""

from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.modeling.meta_arch.retinanet import RetinaNet

from groupnet_det.modeling.heads.retinanet_head import GroupNetRetinaNetHead


@META_ARCH_REGISTRY.register()
class GroupNetRetinaNet(RetinaNet):
    """RetinaNet whose backbone, neck and head are binary or float by ``MODEL.GROUPNET.PARTS``.

    Its loss normalizer, a running average, is a buffer: Detectron2 keeps it in a plain attribute,
    and a training resumed from a checkpoint would start with another one.
    """

    @configurable
    def __init__(self, **arguments: Any) -> None:
        """Arguments as ``RetinaNet``'s, by keyword."""
        super().__init__(**arguments)
        self.register_buffer("loss_normalizer", torch.tensor(-1.0, dtype=torch.float64))

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        arguments = super().from_config(cfg)
        shapes = arguments["backbone"].output_shape()
        in_features = [shapes[name] for name in cfg.MODEL.RETINANET.IN_FEATURES]
        arguments["head"] = GroupNetRetinaNetHead(cfg, in_features)
        return arguments

    def _ema_update(
        self, name: str, value: float, initial_value: float, momentum: float = 0.9
    ) -> float:
        average = getattr(self, name)
        if average < 0:  # nothing seen yet
            average.fill_(initial_value)
        average.mul_(momentum).add_(value * (1 - momentum))
        return average.item()
