"""Weight quantizers: how a convolution sees its float weights."""

from torch import Tensor, nn

from groupnet_det.errors import ConfigError, lookup

from .functional import binarize_weight

WEIGHT_SCALES = ("layer", "channel")


class WeightQuantizer(nn.Module):
    """Base class; the identity.

    Attributes:
        precision: Bits per weight; 32 where nothing is quantized.
    """

    precision: int = 32

    def __init__(self, *, scale: str = "layer", num_groups: int = 1) -> None:
        """
        Args:
            scale: ``layer``, one scale for each group of output channels, or ``channel``.
            num_groups: Groups of output channels, see `binarize_weight`.

        Raises:
            ConfigError: Unknown `scale`.
        """
        super().__init__()
        if scale not in WEIGHT_SCALES:
            raise ConfigError(f"weight scale is {scale!r}; valid: 'layer', 'channel'")
        self.per_channel = scale == "channel"
        self.num_groups = num_groups

    def forward(self, weight: Tensor) -> Tensor:
        return weight


class SignWeight(WeightQuantizer):
    """``sign(W) * mean|W|`` by `binarize_weight` (XNOR-Net, Group-Net).

    Attributes:
        binary: Where it is False, the float weights pass. A state of training, not of the network:
            it is in no checkpoint.
    """

    precision = 1
    binary: bool = True

    def forward(self, weight: Tensor) -> Tensor:
        if not self.binary:
            return weight
        return binarize_weight(weight, num_groups=self.num_groups, per_channel=self.per_channel)


WEIGHT_QUANTIZERS: dict[str, type[WeightQuantizer]] = {
    "sign": SignWeight,
    "float": WeightQuantizer,
}


def build_weight_quantizer(
    name: str, *, scale: str = "layer", num_groups: int = 1
) -> WeightQuantizer:
    """Make the quantizer called `name`; the other arguments as `WeightQuantizer`'s.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    return lookup(WEIGHT_QUANTIZERS, name, "weight quantizer")(scale=scale, num_groups=num_groups)
