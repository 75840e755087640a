"""The Group-Net ResNet and its full-precision twin as Detectron2 backbones.

Registered builders, each called as ``builder(cfg, input_shape)``:

* ``build_groupnet_resnet_backbone``: ``res2`` ... ``res5``;
* ``build_groupnet_resnet_fpn_backbone`` (in `necks.binary_fpn`): with a pyramid on top.

``MODEL.GROUPNET.PARTS.BACKBONE`` says whether it is binary or Detectron2's own float ResNet.
"""

import logging
from collections.abc import Callable
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import FrozenBatchNorm2d, ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, Backbone, ResNet
from detectron2.modeling.backbone.resnet import BasicBlock, BasicStem

from groupnet_det.config import parse_binarization, part_precision
from groupnet_det.errors import lookup

from .groupnet_resnet import (
    BLOCKS_PER_STAGE,
    STAGE_CHANNELS,
    STAGES,
    GroupNetResNet,
    scale_channels,
)


class GroupNetBackbone(GroupNetResNet, Backbone):
    """`GroupNetResNet` with what Detectron2 asks of a backbone."""

    @configurable
    def __init__(self, **arguments: Any) -> None:
        """Arguments as `GroupNetResNet`'s, by keyword."""
        super().__init__(**arguments)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        options = cfg.MODEL.GROUPNET
        return {
            "depth": options.DEPTH,
            "width": options.WIDTH,
            "in_channels": input_shape.channels,
            "binarization": parse_binarization(cfg),
            "gates": options.GATES,
            "merge": options.MERGE,
            "downsample": options.DOWNSAMPLE,
            "out_features": options.OUT_FEATURES,
        }

    def output_shape(self) -> dict[str, ShapeSpec]:
        return {
            name: ShapeSpec(channels=self.feature_channels[name], stride=self.feature_strides[name])
            for name in self.out_features
        }

    def freeze(self, freeze_at: int) -> "GroupNetBackbone":
        """Freeze the stem (1), res2 (2) and so on, as in Detectron2's ResNet; 0 freezes nothing."""
        for name in ("stem", *self.stages)[:freeze_at]:
            part = self.get_submodule(name)
            part.requires_grad_(False)
            setattr(self, name, FrozenBatchNorm2d.convert_frozen_batchnorm(part))
        return self


def _build_binary(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
    return GroupNetBackbone(cfg, input_shape)


def _build_float(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
    """Detectron2's ResNet of the same depth and width: the full-precision twin."""
    options = cfg.MODEL.GROUPNET
    channels = scale_channels(STAGE_CHANNELS[0], options.WIDTH)
    stem = BasicStem(in_channels=input_shape.channels, out_channels=channels, norm="BN")
    stages = []
    last = max(STAGES.index(name) for name in options.OUT_FEATURES)
    for number, num_blocks in enumerate(BLOCKS_PER_STAGE[options.DEPTH][: last + 1]):
        out_channels = scale_channels(STAGE_CHANNELS[number], options.WIDTH)
        stages.append(
            ResNet.make_stage(
                BasicBlock,
                num_blocks,
                stride_per_block=[1 if number == 0 else 2] + [1] * (num_blocks - 1),
                in_channels=channels,
                out_channels=out_channels,
                norm="BN",
            )
        )
        channels = out_channels
    return ResNet(stem, stages, out_features=list(options.OUT_FEATURES))


BACKBONE_BUILDERS: dict[str, Callable[[CfgNode, ShapeSpec], Backbone]] = {
    "binary": _build_binary,
    "float": _build_float,
}


@BACKBONE_REGISTRY.register()
def build_groupnet_resnet_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
    """Build ``MODEL.GROUPNET``'s backbone; its outputs are ``MODEL.GROUPNET.OUT_FEATURES``."""
    build = lookup(
        BACKBONE_BUILDERS, part_precision(cfg, "BACKBONE"), "MODEL.GROUPNET.PARTS.BACKBONE"
    )
    freeze_at = cfg.MODEL.BACKBONE.FREEZE_AT
    if freeze_at and not cfg.MODEL.WEIGHTS:
        logging.getLogger(__name__).warning(
            f"MODEL.BACKBONE.FREEZE_AT is {freeze_at} and MODEL.WEIGHTS is empty: the first stages "
            "would stay random. Binary networks are trained with FREEZE_AT 0."
        )
    return build(cfg, input_shape).freeze(freeze_at)
