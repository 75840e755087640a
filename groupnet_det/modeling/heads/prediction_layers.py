"""The last layers of dense heads, which stay float, and what they must know."""

import math
from collections.abc import Mapping
from typing import ClassVar

from detectron2.layers import ShapeSpec
from torch import nn

from groupnet_det.errors import ConfigError

# The predictors on each tower, with the names of their outputs.
Towers = Mapping[str, Mapping[str, str]]


class DenseHead(nn.Module):
    """A head that predicts at each position of a pyramid, by convolutions on towers.

    Attributes:
        predictors: For each tower by name, the predictors on it with the names of what they give
            in packed files. A class with another forward pass states its own.
    """

    predictors: ClassVar[Towers]


def make_predictor(
    in_channels: int, out_channels: int, *, kernel_size: int = 3, bias: float = 0.0
) -> nn.Conv2d:
    """A float convolution with small random weights (Lin et al., arXiv 1708.02002)."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    nn.init.normal_(conv.weight, std=0.01)
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)
    return conv


def prior_logit(probability: float) -> float:
    """The bias by which a sigmoid starts with this probability."""
    return -math.log((1 - probability) / probability)


def common_channels(shapes: list[ShapeSpec], key: str) -> int:
    """The number of channels of all levels.

    Raises:
        ConfigError: They differ, or there is no level; `key` names them.
    """
    channels = {shape.channels for shape in shapes}
    if len(channels) != 1:
        raise ConfigError(f"the levels of {key} must agree in channels, but have {channels}")
    return channels.pop()


def common_anchors(num_anchors: list[int], key: str) -> int:
    """The number of anchors of a position, on all levels.

    Raises:
        ConfigError: They differ; `key` names the levels.
    """
    if len(set(num_anchors)) != 1:
        raise ConfigError(
            f"the levels of {key} must agree in anchors per position, but have {set(num_anchors)} "
            "(MODEL.ANCHOR_GENERATOR)"
        )
    return num_anchors[0]
