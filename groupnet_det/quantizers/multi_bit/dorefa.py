"""DoReFa-Net's uniform quantizers.

Source: Zhou et al., DoReFa-Net (arXiv 1606.06160), sections 2.2 to 2.4. The paper's
quantization of gradients is left out.
"""

import torch
from torch import Tensor

from groupnet_det.quantizers.base import (
    ActivationQuantizer,
    SignPlanes,
    WeightQuantizer,
    signs_of_codes,
)
from groupnet_det.quantizers.pass_through import pass_through, pass_through_clipped
from groupnet_det.quantizers.sign_weight import binarize_weight


def quantize_uniform(x: Tensor, *, bits: int) -> Tensor:
    """Round values of [0, 1] to 2^bits evenly spread levels.

    Forward: ``round(n x) / n`` with ``n = 2^bits - 1``; halves go to the even number. Backward: g
    unchanged.
    """
    num_steps = 2**bits - 1
    return pass_through(x, (x.detach() * num_steps).round_().div_(num_steps))


def quantize_dorefa_weight(weight: Tensor, *, bits: int, num_groups: int = 1) -> Tensor:
    """Quantize weights to 2^bits levels.

    Forward: with one bit, ``sign(W) * mean|W|``; with more, ``2 q(t / (2 max|t|) + 1/2) - 1`` where
    ``t = tanh(W)`` and q is `quantize_uniform`: values in [-1, 1]. Backward: g unchanged through
    sign and q, none through the mean, and the derivatives of all else, including the maximum.

    Args:
        weight: (C_out, C_in, kH, kW).
        num_groups: Number of equal groups of output channels, each with its own statistics.
    """
    if bits == 1:
        return binarize_weight(weight, num_groups=num_groups)
    squashed = weight.tanh().reshape(num_groups, -1)
    largest = squashed.abs().amax(dim=1, keepdim=True)
    largest = largest.clamp(min=torch.finfo(weight.dtype).tiny)  # all weights may be 0
    unit = squashed / (2 * largest) + 0.5
    return (2 * quantize_uniform(unit, bits=bits) - 1).view_as(weight)


class DorefaActivation(ActivationQuantizer):
    """``q(clip(x, 0, 1))`` where q is `quantize_uniform`; padded with 0.

    Backward: g inside [0, 1], else 0.
    """

    def __init__(self, *, bits: int) -> None:
        super().__init__()
        self.precision = bits

    def forward(self, x: Tensor) -> Tensor:
        value = quantize_uniform(x.detach().clamp(0, 1), bits=self.precision)
        return pass_through_clipped(x, value, low=0, high=1)


class DorefaWeight(WeightQuantizer):
    """`quantize_dorefa_weight` as a module."""

    def __init__(self, *, bits: int, num_groups: int = 1) -> None:
        super().__init__()
        self.precision = bits
        self.num_groups = num_groups

    def forward(self, weight: Tensor) -> Tensor:
        return quantize_dorefa_weight(weight, bits=self.precision, num_groups=self.num_groups)

    @torch.no_grad()
    def sign_planes(self, weight: Tensor) -> SignPlanes | None:
        """``2 c / n - 1 = sum_i (2^i / n) s_i`` for a code c with the signs s_i of its bits."""
        bits = self.precision
        if bits == 1:
            return None
        largest = 2**bits - 1
        codes = ((self(weight).double() + 1) * (largest / 2)).round()
        powers = 2.0 ** torch.arange(bits, dtype=torch.float64, device=weight.device) / largest
        signs = signs_of_codes(codes, bits=bits)
        return SignPlanes(signs, powers[:, None].expand(bits, len(weight)))
