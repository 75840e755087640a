"""Towers: the stacks of 3x3 convolutions that a dense head applies to every pyramid level."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.layers import ConvUnit, PerLevelBatchNorm, Quantization


class FloatTowerConv(nn.Module):
    """Full-precision 3x3 convolution, BN of its own per level, ReLU."""

    def __init__(self, channels: int, num_levels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.normal_(self.conv.weight, std=0.01)  # as RetinaNet's
        self.norm = PerLevelBatchNorm(num_levels, channels)

    def forward_maps(self, maps: list[Tensor]) -> list[Tensor]:
        return [F.relu(x) for x in self.norm([self.conv(x) for x in maps])]


class Tower(nn.ModuleList):
    """Layers with a ``forward_maps``, one after the other."""

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """One (N, C, H_l, W_l) map per level in, the same shapes out."""
        for layer in self:
            maps = layer.forward_maps(maps)  # type: ignore[operator]
        return maps


TowerBuilder = Callable[[], Tower]


def binary_tower(
    channels: int, num_convs: int, num_levels: int, *, quantization: Quantization, relu: bool
) -> Tower:
    """Layer-wise decomposed tower: K bases meet after each convolution, around which goes an
    identity shortcut."""
    return Tower(
        ConvUnit(
            channels,
            channels,
            3,
            padding=1,
            quantization=quantization,
            nonlinearity="relu" if relu else "none",
            shortcut=True,
            num_levels=num_levels,
        )
        for _ in range(num_convs)
    )


def float_tower(channels: int, num_convs: int, num_levels: int) -> Tower:
    """The full-precision twin of `binary_tower`, without shortcuts as in RetinaNet."""
    return Tower(FloatTowerConv(channels, num_levels) for _ in range(num_convs))
