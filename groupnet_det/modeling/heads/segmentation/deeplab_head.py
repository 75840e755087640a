"""DeepLabV3 and V3+ with binary convolutions.

What a binary convolution does not compute stays float: the projection of the pyramid, the
predictor, and in V3 the 3x3 convolution between them.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import SEM_SEG_HEADS_REGISTRY
from torch import Tensor, nn

from groupnet_det.config import parse_method, part_method
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers.convs.quantization import Quantization
from groupnet_det.layers.methods import Method
from groupnet_det.modeling.features import find_features
from groupnet_det.modeling.heads.prediction_layers import make_predictor

from .aspp import BinaryASPP
from .segmentation_head import SegmentationHead, head_arguments, must_normalize, only_feature
from .upsampling import upsample_aligned

# MODEL.GROUPNET.SEGMENTATION.ASPP_ACTIVATION -> what stands instead of Group-Net's quantizer.
ASPP_ACTIVATIONS: dict[str, dict[str, str]] = {
    "zero_one": {"sign": "zero_one", "tanh": "clip"},
    "method": {},
}


class DeepLabHead(SegmentationHead):
    """Base class: normalization, ASPP and projection of one map."""

    def __init__(
        self,
        *,
        input_shape: Mapping[str, ShapeSpec],
        in_features: Sequence[str],
        channels: int,
        rates: Sequence[int],
        aspp_quantization: Quantization,
        dropout: float,
        projection_relu: bool = True,
        stride: int | None = None,
        **arguments: Any,
    ) -> None:
        """
        Args:
            input_shape: Shapes of the backbone's maps.
            in_features: The name of the one that the pyramid is on.
            channels: Channels of each part of the pyramid, and after the projection.
            rates: Dilations of the pyramid's 3x3 convolutions.
            aspp_quantization: Quantizers and K of the pyramid.
            dropout: Share of channels that training drops after the projection.
            projection_relu: Whether the projection ends in a ReLU.
            stride: Stride of the scores that `score` returns; by default that of the map.
            arguments: Arguments of `SegmentationHead`.

        Raises:
            ConfigError: A value cannot work; the message names the key.
        """
        name, shape = only_feature(input_shape, in_features)
        super().__init__(input_shape=input_shape, stride=stride or shape.stride, **arguments)
        if not rates or min(rates) < 1:
            raise ConfigError(
                f"MODEL.GROUPNET.SEGMENTATION.ASPP_RATES is {list(rates)}; valid: numbers above 0"
            )
        self.in_feature, self.in_stride = name, shape.stride
        self.input_norm = self.make_input_norm(shape.channels)
        self.aspp = BinaryASPP(
            shape.channels,
            channels,
            rates,
            quantization=aspp_quantization,
            relu=not self.method.design.signed_output,
        )
        self.project = _float_unit(self.aspp.out_channels, channels, 1, relu=projection_relu)
        self.dropout = nn.Dropout2d(dropout)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: Mapping[str, ShapeSpec]) -> dict[str, Any]:
        options = cfg.MODEL.GROUPNET.SEGMENTATION
        return {
            **head_arguments(cfg, input_shape),
            "rates": options.ASPP_RATES,
            "aspp_quantization": _aspp_quantization(cfg),
            "dropout": options.DROPOUT,
        }

    def pyramid(self, features: Mapping[str, Tensor]) -> Tensor:
        """The backbone's maps -> (N, channels, H, W) of the size of `in_feature`."""
        return self.dropout(self.project(self.aspp(self.input_norm(features[self.in_feature]))))


@SEM_SEG_HEADS_REGISTRY.register()
class GroupNetDeepLabV3Head(DeepLabHead):
    """``predict(refine(project(ASPP(x))))``, where the ASPP is binary or float by
    ``MODEL.GROUPNET.PARTS.HEAD``, and all else float.

    Source: as `BinaryASPP`.
    """

    @configurable
    def __init__(self, *, channels: int, **arguments: Any) -> None:
        """Arguments as `DeepLabHead`'s, by keyword."""
        super().__init__(channels=channels, **arguments)
        self.refine = _float_unit(channels, channels, 3)
        self.predictor = make_predictor(channels, self.num_classes, kernel_size=1)

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        return self.predictor(self.refine(self.pyramid(features)))


@SEM_SEG_HEADS_REGISTRY.register()
class GroupNetDeepLabV3PlusHead(DeepLabHead):
    """The pyramid upsampled and joined to an early map, then two 3x3 units.

    ``predict(u2(u1([reduce(x_low), up(project(ASPP(x)))])))``: reduce, u1 and u2 are units of the
    design of ``MODEL.GROUPNET.PARTS.DECODER``, with K bases.

    Source: Chen et al., Encoder-Decoder with Atrous Separable Convolution (arXiv 1802.02611); here
    whole convolutions, and a shortcut around u2 where the design has one around every convolution.
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: Mapping[str, ShapeSpec],
        channels: int,
        low_level_feature: str,
        low_level_channels: int,
        decoder: Method,
        normalize_low_level: bool,
        **arguments: Any,
    ) -> None:
        """
        Args:
            input_shape: Shapes of the backbone's maps.
            channels: Channels of the pyramid, of u1 and of u2.
            low_level_feature: Name of the early map.
            low_level_channels: Channels that it is reduced to.
            decoder: Method of reduce, u1 and u2.
            normalize_low_level: Whether a BN stands in front of reduce; see `SegmentationHead`.
            arguments: Arguments of `DeepLabHead`.

        Raises:
            ConfigError: A value cannot work; the message names the key.
        """
        key = "MODEL.GROUPNET.SEGMENTATION.LOW_LEVEL.FEATURE"
        (low,) = find_features(input_shape, [low_level_feature], key)
        super().__init__(
            input_shape=input_shape,
            channels=channels,
            stride=low.stride,
            # The decoder's signs need values of both.
            projection_relu=not decoder.design.signed_output,
            **arguments,
        )
        if self.in_stride % low.stride:
            raise ConfigError(
                f"{key} {low_level_feature} has stride {low.stride}, which does not divide the "
                f"{self.in_stride} of {self.in_feature}; name an earlier stage"
            )
        self.low_level_feature = low_level_feature
        design, quantization = decoder.design, decoder.quantization
        self.low_level_norm = nn.BatchNorm2d(low.channels) if normalize_low_level else nn.Identity()
        self.reduce = design.make_unit(
            low.channels, low_level_channels, 1, quantization=quantization
        )
        self.decoder = nn.Sequential(
            design.make_unit(channels + low_level_channels, channels, 3, quantization=quantization),
            design.make_unit(
                channels,
                channels,
                3,
                quantization=quantization,
                shortcut=design.shortcut == "conv",
            ),
        )
        self.predictor = make_predictor(channels, self.num_classes, kernel_size=1)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: Mapping[str, ShapeSpec]) -> dict[str, Any]:
        options = cfg.MODEL.GROUPNET.SEGMENTATION.LOW_LEVEL
        return {
            **super().from_config(cfg, input_shape),
            "low_level_feature": options.FEATURE,
            "low_level_channels": options.CHANNELS,
            "decoder": parse_method(cfg, "DECODER"),
            "normalize_low_level": must_normalize(cfg, "DECODER"),
        }

    def score(self, features: Mapping[str, Tensor]) -> Tensor:
        low = self.reduce(self.low_level_norm(features[self.low_level_feature]))
        height, width = low.shape[-2:]
        context = upsample_aligned(
            self.pyramid(features), self.in_stride // self.stride, (height, width)
        )
        return self.predictor(self.decoder(torch.cat([low, context], dim=1)))


def _float_unit(
    in_channels: int, out_channels: int, kernel_size: int, *, relu: bool = True
) -> nn.Sequential:
    """Float convolution, BN and, by `relu`, a ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    parts = OrderedDict[str, nn.Module](conv=conv, norm=nn.BatchNorm2d(out_channels))
    if relu:
        parts["act"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)


def _aspp_quantization(cfg: CfgNode) -> Quantization:
    """The quantization of the head's method, with {0, 1} activations in Group-Net."""
    quantization = parse_method(cfg, "HEAD").quantization
    choice = cfg.MODEL.GROUPNET.SEGMENTATION.ASPP_ACTIVATION
    key = "MODEL.GROUPNET.SEGMENTATION.ASPP_ACTIVATION"
    replacements = lookup(ASPP_ACTIVATIONS, choice, key)
    if part_method(cfg, "HEAD") != "group_net":
        return quantization
    activation = replacements.get(quantization.activation, quantization.activation)
    return replace(quantization, activation=activation)
