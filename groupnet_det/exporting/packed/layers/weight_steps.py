"""Weights of quantized convolutions as signs with magnitudes, or floats."""

from dataclasses import dataclass

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.quantizers.full_precision import FloatWeight
from groupnet_det.quantizers.sign_weight import SignWeight

from .activation_steps import check_exportable


@dataclass(frozen=True, kw_only=True)
class SignTerm:
    """``magnitude * sign`` for each output channel; one of the terms whose sum is the weight.

    Attributes:
        signs: +1 or -1, float32 (C_out, C_in, kH, kW).
        magnitude: float64 (C_out,); it may be negative where there are several terms.
    """

    signs: Tensor
    magnitude: Tensor

    def part(self, channels: Tensor) -> "SignTerm":
        """Some output channels, by their numbers."""
        return SignTerm(signs=self.signs[channels], magnitude=self.magnitude[channels])

    def inputs(self, channels: slice) -> "SignTerm":
        """Some input channels."""
        return SignTerm(signs=self.signs[:, channels], magnitude=self.magnitude)


def quantized_weight(conv: QuantizedConv2d) -> Tensor:
    """The weight that the convolution has in evaluation, (C_out, C_in, kH, kW)."""
    with torch.no_grad():
        return conv.weight_quantizer(conv.weight.detach())


def sign_terms(conv: QuantizedConv2d, name: str) -> list[SignTerm] | None:
    """Terms whose sum is the quantized weight, or None where it has more than signs.

    Raises:
        ConfigError: The quantizer is in the midst of a training, or has not been trained.
    """
    quantizer = conv.weight_quantizer
    check_exportable(quantizer, name)
    if isinstance(quantizer, FloatWeight):
        return None
    if isinstance(quantizer, SignWeight) and not quantizer.binary:
        raise ConfigError(f"{name} is in the midst of SOLVER.GRADUAL_BINARIZATION: train it first")
    planes = quantizer.sign_planes(conv.weight.detach())
    if planes is not None:
        return [
            SignTerm(signs=signs, magnitude=magnitude)
            for signs, magnitude in zip(planes.signs, planes.magnitudes, strict=True)
        ]
    weight = quantized_weight(conv)
    magnitude = weight.abs().amax(dim=(1, 2, 3))
    if not torch.equal(weight.abs(), magnitude.view(-1, 1, 1, 1).expand_as(weight)):
        return None
    return [SignTerm(signs=_signs(weight), magnitude=magnitude.double())]


def _signs(weight: Tensor) -> Tensor:
    return torch.where(weight < 0, -1.0, 1.0)
