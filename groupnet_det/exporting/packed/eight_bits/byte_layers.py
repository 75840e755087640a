"""A layer with 8 bits: integer weights, and an input of bytes.

The weights are symmetric, with a scale for each output channel, ``w = s_c * q_w``, and the input
has one scale and one zero for the whole map, ``x = (q_x - zero) / scale``.
"""

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.packed.info import ByteRange

from .calibration import MAX_BYTE

MAX_WEIGHT = 127
MAX_SUM = 2**31 - 1


def quantize_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(C_out, ...) floats -> int8 of that shape, and float64 scales (C_out,) > 0."""
    rows = weight.detach().double()
    largest = rows.flatten(1).abs().amax(dim=1)
    scales = torch.where(largest > 0, largest, 1.0) / MAX_WEIGHT
    return (rows / per_channel(scales, rows)).round().to(torch.int8), scales


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """(C,) -> (C, 1, ...), with as many dimensions as `like`."""
    return values.view(-1, *[1] * (like.dim() - 1))


def check_sums(weight: Tensor, name: str, flag: str) -> None:
    """See that products with bytes sum to numbers of 32 bits.

    Args:
        weight: int8 (C_out, ...).
        name: Name of the layer.
        flag: The flag that asked for 8 bits.

    Raises:
        ConfigError: They may not.
    """
    if int(weight.long().abs().flatten(1).sum(dim=1).max()) * MAX_BYTE > MAX_SUM:
        raise ConfigError(
            f"{flag} int8: the sums of {name} do not fit into 32 bits; export it with {flag} float"
        )


def rounded_weight(weight: Tensor) -> Tensor:
    """The float32 weights that `quantize_weight` stands for."""
    integers, scales = quantize_weight(weight)
    return (integers.double() * per_channel(scales, integers)).float()


def rounded_input(x: Tensor, of: ByteRange) -> Tensor:
    """The floats that the bytes of `x` stand for."""
    codes = (x * torch.tensor(of.scale)).round().clamp(-of.zero, MAX_BYTE - of.zero)
    return codes / of.scale
