"""Table of the backbones that Detectron2's configs can name.

`register` registers two builders, each called as ``builder(cfg, input_shape)``, for each name in
`BACKBONES`:

* ``build_<name>_backbone``: the stages, ``res2`` ... ``res5``;
* ``build_<name>_fpn_backbone``: with a pyramid on top (`necks.binary_fpn`).

A further backbone is a `StagedBackbone` that derives from `Detectron2Backbone`, in a file of its
own, and an entry of the table.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import FrozenBatchNorm2d, ShapeSpec
from detectron2.modeling import Backbone

from groupnet_det.config import parse_method
from groupnet_det.errors import ConfigError

from .bpac import bpac_dilations
from .groupnet_resnet import GroupNetResNet


class Detectron2Backbone(Backbone):
    """Detectron2's interface of a backbone, for a `StagedBackbone` that derives from it too."""

    stages: tuple[str, ...]
    out_features: tuple[str, ...]
    feature_channels: dict[str, int]
    feature_strides: dict[str, int]

    def output_shape(self) -> dict[str, ShapeSpec]:
        return {
            name: ShapeSpec(channels=self.feature_channels[name], stride=self.feature_strides[name])
            for name in self.out_features
        }

    def freeze(self, freeze_at: int) -> "Detectron2Backbone":
        """Freeze the stem (1), res2 (2) and so on, as in Detectron2's ResNet; 0 freezes nothing."""
        for name in ("stem", *self.stages)[:freeze_at]:
            part = self.get_submodule(name)
            part.requires_grad_(False)
            setattr(self, name, FrozenBatchNorm2d.convert_frozen_batchnorm(part))
        return self


class GroupNetBackbone(GroupNetResNet, Detectron2Backbone):
    """`GroupNetResNet` for Detectron2, as ``MODEL.GROUPNET.PARTS.BACKBONE`` says."""

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


def _dilations(cfg: CfgNode) -> Sequence[int | Sequence[int]]:
    options = cfg.MODEL.GROUPNET
    if not options.BPAC.ENABLED:
        return _of_running_bases(cfg)
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


def _of_running_bases(cfg: CfgNode) -> Sequence[int | Sequence[int]]:
    """``DILATIONS``, where a base has its own for the bases that a slimmable network runs."""
    options = cfg.MODEL.GROUPNET
    if not options.SLIMMABLE_BASES:
        return options.DILATIONS
    number = parse_method(cfg, "BACKBONE").quantization.num_bases
    return [one if isinstance(one, int) else one[:number] for one in options.DILATIONS]


def build_groupnet_resnet(cfg: CfgNode, input_shape: ShapeSpec) -> Backbone:
    """Build ``MODEL.GROUPNET``'s backbone; its outputs are ``MODEL.GROUPNET.OUT_FEATURES``."""
    freeze_at = cfg.MODEL.BACKBONE.FREEZE_AT
    if freeze_at and not cfg.MODEL.WEIGHTS:
        logging.getLogger(__name__).warning(
            f"MODEL.BACKBONE.FREEZE_AT is {freeze_at} and MODEL.WEIGHTS is empty: the first stages "
            "would stay random. Binary networks are trained with FREEZE_AT 0."
        )
    return GroupNetBackbone(cfg, input_shape).freeze(freeze_at)


# Name -> builder of a backbone without a pyramid.
BACKBONES: dict[str, Callable[[CfgNode, ShapeSpec], Backbone]] = {
    "groupnet_resnet": build_groupnet_resnet,
}


def builder_names(ending: str) -> str:
    """Valid values of ``MODEL.BACKBONE.NAME``, for messages: all names of `BACKBONES` with an
    ending, ``backbone`` or ``fpn_backbone``."""
    return ", ".join(f"build_{name}_{ending}" for name in BACKBONES)
