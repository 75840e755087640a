"""Layers that need torch only."""

from .block_design import BlockDesign
from .branched_unit import BranchedUnit, join_branches
from .connection import SoftGate
from .conv_unit import ConvUnit
from .per_level_norm import PerLevelBatchNorm
from .quantization import MAX_BASES, Quantization
from .quantized_conv import QuantizedConv2d
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
