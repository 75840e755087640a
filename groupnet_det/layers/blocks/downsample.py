"""The shortcut of a block that changes its stride or its channels."""

from typing import Protocol

from torch import nn

from groupnet_det.layers.convs.quantization import Quantization

from .block_design import BlockDesign


def binary_downsample(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    design: BlockDesign,
    quantization: Quantization,
) -> nn.Module:
    """Quantized 1x1 convolution with a stride, then BN without a nonlinearity."""
    return design.make_unit(
        in_channels,
        out_channels,
        1,
        stride=stride,
        order="conv_norm_act",
        nonlinearity="none",
        quantization=quantization,
    )


def float_downsample(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    design: BlockDesign,
    quantization: Quantization,
) -> nn.Module:
    """The same in full precision, on the float input: "Group-Net**" of the paper."""
    full_precision = Quantization(num_bases=1, activation="float", weight="float")
    return binary_downsample(
        in_channels, out_channels, stride, design=design, quantization=full_precision
    )


class MakeDownsample(Protocol):
    def __call__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        design: BlockDesign,
        quantization: Quantization,
    ) -> nn.Module: ...


DOWNSAMPLES: dict[str, MakeDownsample] = {"binary": binary_downsample, "float": float_downsample}
