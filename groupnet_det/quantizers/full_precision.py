"""Placeholders for quantizers in networks without quantization."""

import torch
from torch import Tensor

from .base import ActivationQuantizer, WeightQuantizer


class TanhActivation(ActivationQuantizer):
    """tanh instead of sign, for the smooth first stage of training (Group-Net).

    The padding value is that of the sign, so that both stages train the same network.
    """

    pad_value = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


class ClipActivation(ActivationQuantizer):
    """``clip(x, 0, 1)`` instead of {0, 1}, for the smooth first stage of training; padded
    with 0. The gradient is g inside [0, 1], else 0, as for {0, 1}."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 1)


class FloatWeight(WeightQuantizer):
    """The float weights themselves."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight


class FloatActivation(ActivationQuantizer):
    """The identity; padded with 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x
