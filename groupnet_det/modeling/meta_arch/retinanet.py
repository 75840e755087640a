"""Detectron2's RetinaNet with our head, which that class would make itself."""

from typing import Any

import torch
import torch.distributed as dist
from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.modeling.meta_arch.retinanet import RetinaNet
from detectron2.utils import comm
from torch import Tensor

from groupnet_det.modeling.heads.retinanet_head import GroupNetRetinaNetHead


@META_ARCH_REGISTRY.register()
class GroupNetRetinaNet(RetinaNet):
    """RetinaNet whose backbone, neck and head are binary or float by ``MODEL.GROUPNET.PARTS``.

    Its loss normalizer, a running average of the number of positive anchors, is a buffer:
    Detectron2 keeps it in a plain attribute, and a training resumed from a checkpoint would start
    with another one. It counts the anchors of all processes: Detectron2's normalizes in each
    process by that one's own number, so the loss depends on how images are shared out.
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

    def losses(
        self, anchors: Any, pred_logits: Any, gt_labels: list[Tensor], *others: Any
    ) -> dict[str, Tensor]:
        """As RetinaNet's."""
        self.num_positives = self._count_positives(gt_labels)
        return super().losses(anchors, pred_logits, gt_labels, *others)

    def _count_positives(self, gt_labels: list[Tensor]) -> float:
        """Positive anchors in all processes, at least 1."""
        labels = torch.stack(gt_labels)
        count = ((labels >= 0) & (labels != self.num_classes)).sum()
        if comm.get_world_size() > 1:
            dist.all_reduce(count)
        return max(count.item(), 1)

    def _ema_update(
        self, name: str, value: float, initial_value: float, momentum: float = 0.9
    ) -> float:
        """Ignores `value`, which knows this process only. The result is the share of one process,
        because losses and gradients are averaged over them."""
        average = getattr(self, name)
        if average < 0:  # nothing seen yet
            average.fill_(initial_value)
        average.mul_(momentum).add_(self.num_positives * (1 - momentum))
        return average.item() / comm.get_world_size()
