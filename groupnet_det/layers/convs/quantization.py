"""Quantization of the convolutions of one part of a network, as one value to hand around."""

from collections.abc import Iterable
from dataclasses import dataclass

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.quantizers import (
    ACTIVATION_QUANTIZERS,
    SIGN_GRADIENTS,
    WEIGHT_GRADIENTS,
    WEIGHT_QUANTIZERS,
    WEIGHT_SCALES,
    ZERO_ONE_GRADIENTS,
    ActivationQuantizer,
    ActivationSpec,
    WeightQuantizer,
    WeightSpec,
    build_activation_quantizer,
    build_weight_quantizer,
)

from .quantized_conv import QuantizedConv2d

MAX_BASES = 8
MAX_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """Quantizers by name, and the number of bases.

    Attributes:
        num_bases: K of the paper, 1 to 8: binary branches per full-precision group.
        activation: A key of `ACTIVATION_QUANTIZERS`.
        gradient: A key of `SIGN_GRADIENTS`: how the sign of activations is differentiated.
        gradient_width: Width of that estimator, above 0; see `sign_gradient`.
        zero_one_gradient: A key of `ZERO_ONE_GRADIENTS`: the same for activations of {0, 1}.
        weight: A key of `WEIGHT_QUANTIZERS`.
        weight_scale: One of `WEIGHT_SCALES`.
        weight_gradient: A key of `WEIGHT_GRADIENTS`: the same for the sign of weights.
        bits: Bits of weights and activations, for the k-bit quantizers.
        weight_terms, activation_terms: M and N of ABC-Net, whose values are sums of so many signs.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """

    num_bases: int = 4
    activation: str = "sign"
    gradient: str = "polynomial"
    gradient_width: float = 1.0
    zero_one_gradient: str = "clipped"
    weight: str = "sign"
    weight_scale: str = "layer"
    weight_gradient: str = "identity"
    bits: int = 2
    weight_terms: int = 5
    activation_terms: int = 5

    def __post_init__(self) -> None:
        _check_range("NUM_BASES (K)", self.num_bases, MAX_BASES)
        _check_range("BITS", self.bits, MAX_BITS)
        _check_range("ABC_WEIGHT_BASES", self.weight_terms, MAX_BASES)
        _check_range("ABC_ACTIVATION_BASES", self.activation_terms, MAX_BASES)
        if self.gradient_width <= 0:
            raise ConfigError(
                f"MODEL.GROUPNET.GRADIENT_WIDTH is {self.gradient_width}; it must be above 0"
            )
        tables: dict[str, tuple[Iterable[str], str]] = {
            "ACTIVATION": (ACTIVATION_QUANTIZERS, self.activation),
            "GRADIENT": (SIGN_GRADIENTS, self.gradient),
            "ZERO_ONE_GRADIENT": (ZERO_ONE_GRADIENTS, self.zero_one_gradient),
            "WEIGHT": (WEIGHT_QUANTIZERS, self.weight),
            "WEIGHT_SCALE": (WEIGHT_SCALES, self.weight_scale),
            "WEIGHT_GRADIENT": (WEIGHT_GRADIENTS, self.weight_gradient),
        }
        for key, (table, name) in tables.items():
            lookup(dict.fromkeys(table), name, f"MODEL.GROUPNET.{key}")

    def make_conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        num_groups: int = 1,
    ) -> QuantizedConv2d:
        """A convolution with quantizers of its own; `num_groups` as in `binarize_weight`."""
        return QuantizedConv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            activation=self.make_activation(in_channels),
            weight=self.make_weight(out_channels, num_groups),
        )

    def make_activation(self, num_channels: int) -> ActivationQuantizer:
        spec = ActivationSpec(
            num_channels=num_channels,
            bits=self.bits,
            num_bases=self.activation_terms,
            gradient=self.gradient,
            gradient_width=self.gradient_width,
            zero_one_gradient=self.zero_one_gradient,
        )
        return build_activation_quantizer(self.activation, spec)

    def make_weight(self, out_channels: int, num_groups: int = 1) -> WeightQuantizer:
        spec = WeightSpec(
            out_channels=out_channels,
            num_groups=num_groups,
            scale=self.weight_scale,
            bits=self.bits,
            num_bases=self.weight_terms,
            gradient=self.weight_gradient,
        )
        return build_weight_quantizer(self.weight, spec)


def _check_range(key: str, value: int, highest: int) -> None:
    if not 1 <= value <= highest:
        raise ConfigError(f"MODEL.GROUPNET.{key} is {value}; valid: 1 to {highest}")
