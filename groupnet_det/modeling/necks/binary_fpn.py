"""The feature pyramid with binary convolutions.

Detectron2's FPN makes its convolutions itself, so this is a module of our own with the names,
inputs and outputs of that one.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import FPN, Backbone
from torch import Tensor, nn

from groupnet_det.config import part_method
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers import join_branches
from groupnet_det.layers.scripting import Scriptable
from groupnet_det.modeling.backbones.staged_backbone import StagedBackbone
from groupnet_det.modeling.features import find_features

from .pyramid_design import PyramidDesign
from .top_blocks import TOP_BLOCKS

FUSIONS: dict[str, float] = {"sum": 1.0, "avg": 0.5}


class BinaryFPN(Scriptable, Backbone):
    """Pyramid ``p3`` ... ``p7`` (or as configured) whose convolutions have K binary bases.

    Laterals (1x1) and outputs (3x3) are ``mean_k BN(conv_k(sign(x)))``; the top-down path adds the
    nearest-neighbour upsampled coarser level in float. The K bases meet after each of them, or
    are K pyramids side by side: see `PyramidDesign`.

    Source: Lin et al., Feature Pyramid Networks (arXiv 1612.03144), with the binary layers of
    Group-Net (arXiv 1909.09934) and BN after each of them.
    """

    def __init__(
        self,
        *,
        bottom_up: Backbone,
        in_features: Sequence[str],
        out_channels: int,
        design: PyramidDesign,
        normalize_inputs: bool | None = None,
        top_block: nn.Module | None = None,
        fuse_type: str = "sum",
    ) -> None:
        """
        Args:
            bottom_up: Backbone with the `in_features`.
            in_features: Names from high to low resolution, strides doubling.
            out_channels: Channels of each level.
            design: Design of the convolutions.
            normalize_inputs: Whether a BN is applied to what binary convolutions read of
                `bottom_up`. By default where that is a `StagedBackbone` whose maps are never
                negative: the sign of every value would be +1.
            top_block: Levels above the last, see `top_blocks`.
            fuse_type: ``sum`` or ``avg`` of lateral and top-down maps.

        Raises:
            ConfigError: Strides that do not double, or an unknown `fuse_type`.
        """
        super().__init__()
        shapes = bottom_up.output_shape()
        strides = [shapes[name].stride for name in in_features]
        if any(b != 2 * a for a, b in pairwise(strides)):
            raise ConfigError(
                f"MODEL.FPN.IN_FEATURES {list(in_features)} have strides {strides}; they must "
                "double from one to the next"
            )
        self.bottom_up = bottom_up
        self.in_features = tuple(in_features)
        self.fuse_factor = lookup(FUSIONS, fuse_type, "MODEL.FPN.FUSE_TYPE")
        self.stages = [int(math.log2(stride)) for stride in strides]
        for name, stage in zip(in_features, self.stages, strict=True):
            lateral = design.make_lateral(shapes[name].channels, out_channels)
            output = design.make_conv(out_channels, out_channels, 3, first=False)
            self.add_module(f"fpn_lateral{stage}", lateral)
            self.add_module(f"fpn_output{stage}", output)
        if normalize_inputs is None:
            normalize_inputs = isinstance(bottom_up, StagedBackbone) and not bottom_up.signed_output
        # A float lateral has its BN after it; then p6 alone may read by a sign.
        self.has_float_laterals = design.laterals == "float"
        signed = [getattr(top_block, "in_feature", "")] if self.has_float_laterals else in_features
        self.input_norms = nn.ModuleDict(
            {name: nn.BatchNorm2d(shapes[name].channels) for name in in_features if name in signed}
            if normalize_inputs
            else {}
        )
        self.top_block = top_block
        num_levels = len(self.stages) + getattr(top_block, "num_levels", 0)
        self.strides = {
            f"p{self.stages[0] + i}": 2 ** (self.stages[0] + i) for i in range(num_levels)
        }
        self.out_channels = out_channels

    @property
    def size_divisibility(self) -> int:
        return 2 ** self.stages[-1]

    def output_shape(self) -> dict[str, ShapeSpec]:
        return {
            name: ShapeSpec(channels=self.out_channels, stride=stride)
            for name, stride in self.strides.items()
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> levels by name, ``p_i`` of (N, out_channels, H/2^i, W/2^i)."""
        raw = self.bottom_up(images)
        normed = {name: norm(raw[name]) for name, norm in self.input_norms.items()}
        features = {**raw, **normed}
        of_laterals = raw if self.has_float_laterals else features
        top_down: list[list[Tensor]] = []
        levels: list[Tensor] = []
        for name, stage in zip(reversed(self.in_features), reversed(self.stages), strict=True):
            lateral: Any = self.get_submodule(f"fpn_lateral{stage}")
            output: Any = self.get_submodule(f"fpn_output{stage}")
            branches = lateral.forward_branches([[of_laterals[name]]])
            if top_down:
                branches = [
                    [self._fuse(fine, coarse)]
                    for (fine,), (coarse,) in zip(branches, top_down, strict=True)
                ]
            top_down = branches
            levels[:0] = join_branches(output.forward_branches(branches))
        if self.top_block is not None:
            features[f"p{self.stages[-1]}"] = levels[-1]
            levels.extend(self.top_block(features[self.top_block.in_feature]))
        return dict(zip(self.strides, levels, strict=True))

    def _fuse(self, fine: Tensor, coarse: Tensor) -> Tensor:
        upsampled = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return (fine + upsampled) * self.fuse_factor


def _build_quantized(cfg: CfgNode, bottom_up: Backbone, top_block: nn.Module | None) -> Backbone:
    return BinaryFPN(
        bottom_up=bottom_up,
        in_features=cfg.MODEL.FPN.IN_FEATURES,
        out_channels=cfg.MODEL.FPN.OUT_CHANNELS,
        design=PyramidDesign.from_config(cfg),
        normalize_inputs=cfg.MODEL.GROUPNET.FPN.NORM_INPUTS or None,
        top_block=top_block,
        fuse_type=cfg.MODEL.FPN.FUSE_TYPE,
    )


def _build_float(cfg: CfgNode, bottom_up: Backbone, top_block: nn.Module | None) -> Backbone:
    return FPN(
        bottom_up=bottom_up,
        in_features=cfg.MODEL.FPN.IN_FEATURES,
        out_channels=cfg.MODEL.FPN.OUT_CHANNELS,
        norm=cfg.MODEL.FPN.NORM,
        top_block=top_block,
        fuse_type=cfg.MODEL.FPN.FUSE_TYPE,
    )


def build_pyramid(cfg: CfgNode, bottom_up: Backbone) -> Backbone:
    """A backbone with a pyramid on top, whose method is ``MODEL.GROUPNET.PARTS.NECK``.

    Args:
        bottom_up: A `StagedBackbone`.

    Raises:
        ConfigError: The levels do not fit the backbone, or a value is not among the valid ones.
    """
    is_float = part_method(cfg, "NECK") == "float"
    shapes = bottom_up.output_shape()
    *_, deepest = find_features(shapes, cfg.MODEL.FPN.IN_FEATURES, "MODEL.FPN.IN_FEATURES")
    make_top_block = lookup(
        TOP_BLOCKS, cfg.MODEL.GROUPNET.FPN.TOP_BLOCK, "MODEL.GROUPNET.FPN.TOP_BLOCK"
    )
    top_block = make_top_block(
        shapes["res5"].channels if "res5" in shapes else 0,
        cfg.MODEL.FPN.OUT_CHANNELS,
        None if is_float else PyramidDesign.from_config(cfg),
    )
    last = int(math.log2(deepest.stride))
    if top_block is not None and top_block.in_feature not in (f"res{last}", f"p{last}"):
        raise ConfigError(
            f"MODEL.GROUPNET.FPN.TOP_BLOCK {cfg.MODEL.GROUPNET.FPN.TOP_BLOCK} goes on from "
            f"{top_block.in_feature}, but MODEL.FPN.IN_FEATURES ends with res{last}; use 'none'"
        )
    build = _build_float if is_float else _build_quantized
    return build(cfg, bottom_up, top_block)
