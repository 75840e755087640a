"""Layers that need torch only."""

from .binary_conv import BinaryConv2d
from .block_design import BlockDesign
from .connection import SoftGate
from .conv_unit import ConvUnit
from .per_level_norm import PerLevelBatchNorm
from .quantization import MAX_BASES, Quantization
from .rprelu import RPReLU

__all__ = [
    "MAX_BASES",
    "BinaryConv2d",
    "BlockDesign",
    "ConvUnit",
    "PerLevelBatchNorm",
    "Quantization",
    "RPReLU",
    "SoftGate",
]
