"""The parts of a convolution: its bases, and the maps that its input is put together of.

Legend: C output channels of a base, K bases, n input channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.layers.convs.base_merge import WideMean, WideScales
from groupnet_det.layers.convs.conv_unit import ConvUnit


@dataclass(frozen=True, kw_only=True)
class Base:
    """One of the bases of a convolution.

    Attributes:
        channels: Its output channels among all, int64 (C,).
        chain: What follows its sum.
    """

    channels: Tensor
    chain: Chain


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The part of a convolution that reads one of the maps of its input.

    Attributes:
        feature: The map.
        channels: Its channels among the n.
    """

    feature: FeatureMap
    channels: slice


def whole(feature: FeatureMap) -> list[Reading]:
    """An input that is one map."""
    return [Reading(feature=feature, channels=slice(0, feature.channels))]


def side_by_side(maps: Sequence[FeatureMap]) -> list[Reading]:
    """An input that is several maps, concatenated along the channels."""
    readings, start = [], 0
    for feature in maps:
        stop = start + feature.channels
        readings.append(Reading(feature=feature, channels=slice(start, stop)))
        start = stop
    return readings


def unit_chain(unit: ConvUnit, level: int = 0) -> Chain:
    """The operations after the sum of the convolution, but for the merge of the bases."""
    chain = Chain.identity(unit.conv.out_channels)
    for step in unit.steps[unit.steps.index("conv") + 1 :]:
        chain = chain.then_norm(unit.norm[level]) if step == "norm" else chain.then_act(unit.act)
    return chain


def base_channels(unit: ConvUnit, order: Tensor | None = None) -> list[Tensor]:
    """The output channels of each base, as of `Base`."""
    number = unit.conv.out_channels // unit.num_bases
    wanted = torch.arange(number) if order is None else order
    return [wanted + k * number for k in range(unit.num_bases)]


def base_factors(unit: ConvUnit) -> Tensor:
    """The factors of the bases before they are added, float64 (K,)."""
    if isinstance(unit.merge, WideScales):
        return unit.merge.scales.detach().double()
    assert isinstance(unit.merge, WideMean | nn.Identity)
    return torch.full((unit.num_bases,), 1 / unit.num_bases, dtype=torch.float64)
