"""Base of all quantizers: the attributes that convolutions and tools read."""

import torch
from torch import Tensor, nn


class ActivationQuantizer(nn.Module):
    """Base class: an element-wise map with the padding value that belongs to it.

    Attributes:
        precision: Bits per value, of each term where there are several; 32 where nothing is
            quantized.
        num_terms: Binary terms whose sum is the value.
        pad_value: What a convolution pads the *quantized* map with. A zero among values of
            {-1, +1} would secretly be ternary, so those pad with +1. A tensor without dimensions
            where it is learned.
        code_step: Where there is one, `shifted` takes the values 0 and `code_step` only, and a
            convolution may compute with `codes`.
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
        """Return ``self(x) - pad_value``: then native zero padding stands for `pad_value`."""
        pad_value = self.pad_value
        if isinstance(pad_value, Tensor):
            return self(x) - pad_value
        return self(x) - pad_value if pad_value else self(x)

    def codes(self, x: Tensor) -> Tensor:
        """``shifted(x) / code_step``, uint8 of 0 and 1, without a gradient."""
        return (self.shifted(x) != 0).view(torch.uint8)


class WeightQuantizer(nn.Module):
    """Base class: how a convolution sees its float weights, (C_out, C_in, kH, kW) each time.

    Attributes:
        precision: Bits per weight, of each term where there are several; 32 where nothing is
            quantized.
        num_terms: Binary terms whose sum is the weight.
        binary: Whether the weights of an output channel are plus or minus one magnitude.
    """

    precision: int = 32
    num_terms: int = 1
    binary: bool = False
