"""The Group-Net ResNet as a Detectron2 backbone.

Registered builders, each called as ``builder(cfg, input_shape)``:

* ``build_groupnet_resnet_backbone``: ``res2`` ... ``res5``;
* ``build_groupnet_resnet_fpn_backbone`` (in `necks.binary_fpn`): with a pyramid on top.

``MODEL.GROUPNET.PARTS.BACKBONE`` says which network it is.
"""

import logging
from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import FrozenBatchNorm2d, ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, Backbone

from groupnet_det.config import parse_method
from groupnet_det.errors import ConfigError

from .bpac import bpac_dilations
from .groupnet_resnet import GroupNetResNet


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
            "method": parse_method(cfg, "BACKBONE"),
            "output_stride": options.OUTPUT_STRIDE,
            "dilations": _dilations(cfg),
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


def _dilations(cfg: CfgNode) -> Sequence[int | Sequence[int]]:
    options = cfg.MODEL.GROUPNET
    if not options.BPAC.ENABLED:
        return options.DILATIONS
    if options.DILATIONS:
        raise ConfigError(
            "MODEL.GROUPNET.DILATIONS and BPAC.ENABLED both set the dilations; leave one of them"
        )
    return bpac_dilations(
        parse_method(cfg, "BACKBONE").quantization.num_bases,
        output_stride=options.OUTPUT_STRIDE,
        first_rates=options.BPAC.FIRST_RATES,
        last_rate_only=options.BPAC.LAST_RATE_ONLY,
    )


@BACKBONE_REGISTRY.register()
def build_groupnet_resnet_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
    """Build ``MODEL.GROUPNET``'s backbone; its outputs are ``MODEL.GROUPNET.OUT_FEATURES``."""
    freeze_at = cfg.MODEL.BACKBONE.FREEZE_AT
    if freeze_at and not cfg.MODEL.WEIGHTS:
        logging.getLogger(__name__).warning(
            f"MODEL.BACKBONE.FREEZE_AT is {freeze_at} and MODEL.WEIGHTS is empty: the first stages "
            "would stay random. Binary networks are trained with FREEZE_AT 0."
        )
    return GroupNetBackbone(cfg, input_shape).freeze(freeze_at)
