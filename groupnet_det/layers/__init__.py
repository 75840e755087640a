"""Layers that need torch only."""

from .binarization import MAX_BASES, Binarization
from .binary_conv import BinaryConv2d
from .multi_base_conv import MultiBaseConv2d
from .per_level_norm import PerLevelBatchNorm
from .soft_gate import SoftGate

__all__ = [
    "MAX_BASES",
    "Binarization",
    "BinaryConv2d",
    "MultiBaseConv2d",
    "PerLevelBatchNorm",
    "SoftGate",
]
