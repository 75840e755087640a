"""Layers that need torch only."""

from groupnet_det.layers.blocks.block_design import BlockDesign
from groupnet_det.layers.blocks.branched_unit import BranchedUnit, join_branches
from groupnet_det.layers.blocks.soft_gate import SoftGate
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.layers.convs.quantization import MAX_BASES, Quantization
from groupnet_det.layers.convs.quantized_conv import QuantizedConv2d
from groupnet_det.layers.norms.per_level_norm import PerLevelBatchNorm

from .rprelu import RPReLU

__all__ = [
    "MAX_BASES",
    "BlockDesign",
    "BranchedUnit",
    "ConvUnit",
    "PerLevelBatchNorm",
    "Quantization",
    "QuantizedConv2d",
    "RPReLU",
    "SoftGate",
    "join_branches",
]
