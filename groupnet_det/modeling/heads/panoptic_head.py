"""The semantic head of Panoptic FPN with binary or float layers."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import SEM_SEG_HEADS_REGISTRY
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers import join_branches
from groupnet_det.modeling.features import PYRAMID, find_features
from groupnet_det.modeling.heads.segmentation.segmentation_head import IN_FEATURES_KEY

from .towers import TowerDesign, conv_chain


@SEM_SEG_HEADS_REGISTRY.register()
class GroupNetPanopticHead(nn.Module):
    """On each pyramid level 3x3 convolutions, each followed by a bilinear upsampling by two, down
    to a common stride; their sum; and a 1x1 predictor, which stays float.

    Call contract and config keys are those of Detectron2's ``SemSegFPNHead``, but for ``NORM``:
    there always is a BN.

    Source: Kirillov et al., Panoptic Feature Pyramid Networks (arXiv 1901.02446).
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: dict[str, ShapeSpec],
        design: TowerDesign,
        num_classes: int,
        channels: int,
        common_stride: int,
        loss_weight: float = 1.0,
        ignore_value: int = 255,
    ) -> None:
        """
        Args:
            input_shape: Channels and stride of the levels that are read.
            design: Design of the convolutions.
            num_classes: Number of classes of the segmentation.
            channels: Channels of the convolutions.
            common_stride: Where the levels meet.
            loss_weight: Weight of the loss.
            ignore_value: Label of pixels without a loss.

        Raises:
            ConfigError: There is no level, or one has a smaller stride than `common_stride`.
        """
        super().__init__()
        levels = sorted(input_shape.items(), key=lambda item: item[1].stride)
        if not levels or levels[0][1].stride < common_stride:
            raise ConfigError(
                f"{IN_FEATURES_KEY} have strides "
                f"{[shape.stride for _, shape in levels]}; there must be one, and none below "
                f"COMMON_STRIDE {common_stride}"
            )
        self.in_features = [name for name, _ in levels]
        for name, shape in levels:
            num_upsamplings = round(math.log2(shape.stride / common_stride))
            self.add_module(
                name, _UpsamplingChain(design, shape.channels, channels, num_upsamplings)
            )
        self.predictor = nn.Conv2d(channels, num_classes, 1)
        nn.init.kaiming_normal_(self.predictor.weight, mode="fan_out", nonlinearity="relu")
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)
        self.common_stride = common_stride
        self.loss_weight = loss_weight
        self.ignore_value = ignore_value

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        options = cfg.MODEL.SEM_SEG_HEAD
        names = options.IN_FEATURES
        shapes = find_features(input_shape, names, IN_FEATURES_KEY, made_by=PYRAMID)
        return {
            "input_shape": dict(zip(names, shapes, strict=True)),
            "design": TowerDesign.from_config(cfg),
            "num_classes": options.NUM_CLASSES,
            "channels": options.CONVS_DIM,
            "common_stride": options.COMMON_STRIDE,
            "loss_weight": options.LOSS_WEIGHT,
            "ignore_value": options.IGNORE_VALUE,
        }

    def forward(
        self, features: dict[str, Tensor], targets: Tensor | None = None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Segment, or compare with the ground truth.

        Args:
            features: Pyramid levels by name, (N, C, H_l, W_l).
            targets: In training, labels (N, H, W).

        Returns:
            In training nothing and the losses, else logits (N, num_classes, H, W) and no losses.
        """
        logits = F.interpolate(
            self.layers(features).float(),
            scale_factor=self.common_stride,
            mode="bilinear",
            align_corners=False,
        )
        if not self.training:
            return logits, {}
        assert targets is not None
        return None, {"loss_sem_seg": self.loss_weight * self._loss(logits, targets)}

    def layers(self, features: dict[str, Tensor]) -> Tensor:
        """Pyramid levels -> logits at the common stride."""
        maps = [self.get_submodule(name)(features[name]) for name in self.in_features]
        return self.predictor(torch.stack(maps).sum(dim=0))

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean cross entropy; 0 where no pixel has a label."""
        total = F.cross_entropy(logits, targets, ignore_index=self.ignore_value, reduction="sum")
        return total / (targets != self.ignore_value).sum().clamp(min=1)


class _UpsamplingChain(nn.Module):
    """Convolutions, each followed by an upsampling by two, or by none where there is none to do."""

    def __init__(
        self, design: TowerDesign, in_channels: int, channels: int, num_upsamplings: int
    ) -> None:
        super().__init__()
        self.tower = design.make_tower(
            conv_chain(in_channels, [channels] * max(num_upsamplings, 1))
        )
        self.scale = 2.0 if num_upsamplings else 1.0

    def forward(self, x: Tensor) -> Tensor:
        branches = [[x]]
        for layer in self.tower:
            outputs = layer.forward_branches(branches)  # type: ignore[operator]
            branches = [[self._upsample(y)] for (y,) in outputs]
        return join_branches(branches)[0]

    def _upsample(self, x: Tensor) -> Tensor:
        if self.scale == 1:
            return x
        return F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
