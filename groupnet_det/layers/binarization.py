"""How the convolutions of one part of a network are quantized, as one value to hand around."""

from dataclasses import dataclass

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.quantizers import (
    ACTIVATION_QUANTIZERS,
    WEIGHT_QUANTIZERS,
    WEIGHT_SCALES,
    ActivationQuantizer,
    WeightQuantizer,
    build_activation_quantizer,
    build_weight_quantizer,
)

from .binary_conv import BinaryConv2d

MAX_BASES = 8


@dataclass(frozen=True, kw_only=True)
class Binarization:
    """Quantizers by name, and the number of bases.

    Attributes:
        num_bases: K of the paper, 1 to 8: binary branches per full-precision group.
        activation: A key of `ACTIVATION_QUANTIZERS`.
        weight: A key of `WEIGHT_QUANTIZERS`.
        weight_scale: ``layer`` or ``channel``.

    Raises:
        ConfigError: A value is not among the valid ones, which the message lists.
    """

    num_bases: int = 4
    activation: str = "sign"
    weight: str = "sign"
    weight_scale: str = "layer"

    def __post_init__(self) -> None:
        if not 1 <= self.num_bases <= MAX_BASES:
            raise ConfigError(
                f"MODEL.GROUPNET.NUM_BASES (K) is {self.num_bases}; valid: 1 to {MAX_BASES}"
            )
        lookup(ACTIVATION_QUANTIZERS, self.activation, "MODEL.GROUPNET.ACTIVATION")
        lookup(WEIGHT_QUANTIZERS, self.weight, "MODEL.GROUPNET.WEIGHT")
        lookup(dict.fromkeys(WEIGHT_SCALES), self.weight_scale, "MODEL.GROUPNET.WEIGHT_SCALE")

    def make_conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        num_groups: int = 1,
    ) -> BinaryConv2d:
        """A convolution with quantizers of its own; `num_groups` as in `binarize_weight`."""
        return BinaryConv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            activation=self.make_activation(),
            weight=self.make_weight(num_groups),
        )

    def make_activation(self) -> ActivationQuantizer:
        return build_activation_quantizer(self.activation)

    def make_weight(self, num_groups: int = 1) -> WeightQuantizer:
        return build_weight_quantizer(self.weight, scale=self.weight_scale, num_groups=num_groups)
