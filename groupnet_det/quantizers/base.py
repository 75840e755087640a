"""Base classes of quantizers, with the attributes that convolutions and tools use."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class ActivationQuantizer(nn.Module):
    """Base class: an element-wise function and its padding value.

    Attributes:
        precision: Bits per value, or per term if there are several; 32 without quantization.
        num_terms: Binary terms whose sum is the value.
        pad_value: The value with which a convolution pads the *quantized* map. Padding {-1, +1}
            with zeros would make the map ternary, so sign quantizers pad with +1. If learned, it is
            a tensor without dimensions.
        code_step: If not None, `shifted` only takes the values 0 and `code_step`, and a convolution
            may compute with `codes`.
    """

    precision: int = 32
    num_terms: int = 1

    @property
    def code_step(self) -> float | None:
        return None

    @property
    def pad_value(self) -> float | Tensor:
        return 0.0

    def shifted(self, x: Tensor) -> Tensor:
        """Return ``self(x) - pad_value``, so that zero padding stands for `pad_value`."""
        pad_value = self.pad_value
        if isinstance(pad_value, Tensor):
            return self(x) - pad_value
        return self(x) - pad_value if pad_value else self(x)

    def codes(self, x: Tensor) -> Tensor:
        """Return ``shifted(x) / code_step`` as uint8 of 0 and 1, without a gradient."""
        return (self.shifted(x) != 0).view(torch.uint8)


class SignPlanes(NamedTuple):
    """Signs whose weighted sum is a weight of M planes.

    Attributes:
        signs: +1 or -1, (M, C_out, C_in, kH, kW).
        magnitudes: Of each plane and output channel, float64 (M, C_out); may be negative.
    """

    signs: Tensor
    magnitudes: Tensor


def signs_of_codes(codes: Tensor, *, bits: int) -> Tensor:
    """The bits of whole numbers from 0 to 2^bits - 1, +1 where set and -1 elsewhere, the lowest
    bit first: (bits, ...)."""
    shifts = torch.arange(bits, device=codes.device).view(-1, *[1] * codes.dim())
    return ((codes.long() >> shifts) & 1) * 2.0 - 1


class WeightQuantizer(nn.Module):
    """Base class: a function of float weights (C_out, C_in, kH, kW).

    Attributes:
        precision: Bits per weight, or per term if there are several; 32 without quantization.
        num_terms: Binary terms whose sum is the weight.
        binary: True if the weights of an output channel are plus or minus one magnitude.
    """

    precision: int = 32
    num_terms: int = 1
    binary: bool = False

    def sign_planes(self, weight: Tensor) -> SignPlanes | None:
        """The quantized weight, in evaluation, as a sum of several signs with a magnitude for each
        output channel, up to rounding; None for a quantizer whose values are no such sums, or are
        one sign each.

        Args:
            weight: Float, (C_out, C_in, kH, kW).
        """
        return None
