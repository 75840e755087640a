"""Activation quantizers: what a convolution does to its input before it convolves."""

import math

import torch
from torch import Tensor, nn

from groupnet_det.errors import lookup

from .functional import round_clipped, sign_polynomial


class ActivationQuantizer(nn.Module):
    """Base class: an element-wise map with the padding value that belongs to it.

    Attributes:
        precision: Bits per value; 32 where nothing is quantized. Tools read it.
        pad_value: What a convolution pads the *quantized* map with. A zero among values of
            {-1, +1} would secretly be ternary, so those pad with +1.
    """

    precision: int = 32
    pad_value: float = 0.0

    def shifted(self, x: Tensor) -> Tensor:
        """Return ``self(x) - pad_value``: then native zero padding stands for `pad_value`."""
        return self(x) - self.pad_value if self.pad_value else self(x)


class SignActivation(ActivationQuantizer):
    """{-1, +1} by `sign_polynomial`; padded with +1 (Group-Net, Bi-Real Net).

    Attributes:
        slope: Where it is finite, ``tanh(slope * x)`` stands in the place of the sign. A state of
            training, not of the network: it is in no checkpoint.
    """

    precision = 1
    pad_value = 1.0
    slope: float = math.inf

    def forward(self, x: Tensor) -> Tensor:
        return sign_polynomial(x) if math.isinf(self.slope) else torch.tanh(self.slope * x)

    def shifted(self, x: Tensor) -> Tensor:
        if math.isinf(self.slope):
            return sign_polynomial(x, shift=-self.pad_value)
        return super().shifted(x)


class ZeroOneActivation(ActivationQuantizer):
    """{0, 1} by `round_clipped`; padded with 0 (Group-Net's binary ASPP)."""

    precision = 1
    pad_value = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return round_clipped(x)


class TanhActivation(ActivationQuantizer):
    """tanh in the place of sign: the smooth first stage of training (Group-Net).

    The padding stays that of the sign, so that the second stage sees the same network.
    """

    precision = 32
    pad_value = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


ACTIVATION_QUANTIZERS: dict[str, type[ActivationQuantizer]] = {
    "sign": SignActivation,
    "zero_one": ZeroOneActivation,
    "tanh": TanhActivation,
}


def build_activation_quantizer(name: str) -> ActivationQuantizer:
    """Make the quantizer called `name`.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    return lookup(ACTIVATION_QUANTIZERS, name, "activation quantizer")()
