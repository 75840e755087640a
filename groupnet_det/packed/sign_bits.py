"""Weights of one bit: 1 stands for -1, and sign(0) = +1 as everywhere in this project."""

import torch
import torch.nn.functional as F
from torch import Tensor

BITS = 8


def pack_sign_bits(weights: Tensor) -> Tensor:
    """Signs of weights, channel c at bit c % 8 of byte c // 8; unused bits are 0.

    Args:
        weights: (C_out, C_in, kH, kW), of any float type. NaN counts as negative.

    Returns:
        uint8 (C_out, kH, kW, ceil(C_in / 8)).
    """
    bits = (weights.detach().cpu() >= 0).logical_not_().permute(0, 2, 3, 1)
    return pack_bits(bits)


def pack_bits(bits: Tensor) -> Tensor:
    """Bits (..., C) of type bool -> uint8 (..., ceil(C / 8))."""
    rows = F.pad(bits.to(torch.uint8), (0, -bits.shape[-1] % BITS)).unflatten(-1, (-1, BITS))
    return (rows << torch.arange(BITS, dtype=torch.uint8)).sum(-1, dtype=torch.uint8)


def unpack_bits(packed: Tensor, channels: int) -> Tensor:
    """uint8 (..., ceil(`channels` / 8)) -> bits (..., `channels`), uint8 of 0 and 1."""
    bits = (packed.unsqueeze(-1) >> torch.arange(BITS, dtype=torch.uint8)) & 1
    return bits.flatten(-2)[..., :channels].contiguous()
