"""ABC-Net: weights and activations as sums of several binary bases.

Source: Lin et al., Towards Accurate Binary Convolutional Neural Network (arXiv 1711.11294). The
network computes M x N binary convolutions. This simulation convolves the two sums once in floats,
which is equal up to rounding, because a convolution is linear in both
arguments: ``conv(sum_m alpha_m B_m, sum_n beta_n A_n) = sum_mn alpha_m beta_n conv(B_m, A_n)``.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from groupnet_det.quantizers.base import ActivationQuantizer, SignPlanes, WeightQuantizer
from groupnet_det.quantizers.pass_through import pass_through
from groupnet_det.quantizers.sign_activation import plain_sign, sign


def _unit_window(grad: Tensor, x: Tensor) -> Tensor:
    return grad * (x.abs() <= 0.5)


class ABCActivation(ActivationQuantizer):
    """``sum_n beta_n A_n`` with N bases ``A_n = sign(clip(x + v_n, 0, 1) - 0.5)``; v, beta learned.

    Backward: g to A_n times beta_n; through A_n unchanged to x and v_n where ``0 <= x + v_n <= 1``
    and 0 elsewhere (section 3.2). Padded with ``sum_n beta_n``: all bases +1.

    Deviation: the initialization, which the paper does not state. The thresholds ``0.5 - v_n``
    divide [-1, 1] into N + 1 equal parts and each beta is 1 / N, so that values are in [-1, 1].
    """

    precision = 1

    def __init__(self, *, num_bases: int) -> None:
        super().__init__()
        self.num_terms = num_bases
        thresholds = torch.arange(1, num_bases + 1) * 2 / (num_bases + 1) - 1
        self.shifts = nn.Parameter(0.5 - thresholds)
        self.scales = nn.Parameter(torch.full((num_bases,), 1.0 / num_bases))

    @property
    def pad_value(self) -> Tensor:
        return self.scales.sum()

    def forward(self, x: Tensor) -> Tensor:
        terms = [
            scale * sign(x + shift - 0.5, gradient=_unit_window)
            for shift, scale in zip(self.shifts.to(x.dtype), self.scales.to(x.dtype), strict=True)
        ]
        return reduce(torch.add, terms)


def binary_bases(weight: Tensor, num_bases: int) -> Tensor:
    """Bases ``B_m = sign(W - mean(W) + u_m std(W))`` of each row (section 3.1).

    The M values u_m are evenly spread from -1 to 1, or 0 if M is 1; std divides by the number of
    weights.

    Args:
        weight: (G, n).

    Returns:
        (G, n, M).
    """
    ends = 1.0 if num_bases > 1 else 0.0
    spread = torch.linspace(-ends, ends, num_bases, dtype=weight.dtype, device=weight.device)
    centred = weight - weight.mean(dim=1, keepdim=True)
    deviation = weight.std(dim=1, keepdim=True, correction=0)
    return plain_sign(centred[..., None] + deviation[..., None] * spread)


def least_squares_scales(weight: Tensor, bases: Tensor) -> Tensor:
    """``argmin_alpha ||w - B alpha||^2`` of each row; the minimum-norm solution if bases coincide.

    Args:
        weight: (G, n), float32 or float64.
        bases: (G, n, M).

    Returns:
        (G, M).
    """
    transposed = bases.transpose(1, 2)
    inverse = torch.linalg.pinv(transposed @ bases, hermitian=True)  # M x M: cheaper than lstsq
    return (inverse @ (transposed @ weight[..., None]))[..., 0]


def approximate_weight(weight: Tensor, *, num_bases: int, num_groups: int = 1) -> Tensor:
    """Approximate weights by ``sum_m alpha_m B_m``.

    Forward: `binary_bases` and `least_squares_scales` of each group. Backward: ``g sum_m alpha_m``,
    each basis passing its gradient unchanged (section 3.1); none through mean, std and alpha.

    Args:
        weight: (C_out, C_in, kH, kW).
        num_bases: M.
        num_groups: Number of equal groups of output channels, each with its own bases.
    """
    # Autocast would compute matrix products in half precision, which has no eigenvalues, but the
    # pseudo-inverse needs them.
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        rows = weight.reshape(num_groups, -1)
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        bases = binary_bases(rows, num_bases)
        scales = least_squares_scales(rows, bases)
        value = (bases @ scales[..., None]).view_as(weight).to(weight.dtype)
        slope = scales.sum(dim=1).repeat_interleave(weight.shape[0] // num_groups)
        slope = slope.to(weight.dtype).view(-1, 1, 1, 1)
    return pass_through(weight * slope, value)


class ABCWeight(WeightQuantizer):
    """`approximate_weight` as a module; bases for the layer, or for each group of channels."""

    precision = 1

    def __init__(self, *, num_bases: int, num_groups: int = 1) -> None:
        super().__init__()
        self.num_terms = num_bases
        self.num_groups = num_groups

    def forward(self, weight: Tensor) -> Tensor:
        return approximate_weight(weight, num_bases=self.num_terms, num_groups=self.num_groups)

    @torch.no_grad()
    def sign_planes(self, weight: Tensor) -> SignPlanes | None:
        """The bases, and their least-squares scales."""
        rows = weight.reshape(self.num_groups, -1)
        bases = binary_bases(rows, self.num_terms)
        scales = least_squares_scales(rows, bases).double()
        signs = bases.movedim(-1, 0).reshape(-1, *weight.shape)
        return SignPlanes(signs, scales.T.repeat_interleave(len(weight) // self.num_groups, dim=1))
