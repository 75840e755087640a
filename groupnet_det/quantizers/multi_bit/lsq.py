"""LSQ: uniform quantization with a learned step.

Source: Esser et al., Learned Step Size Quantization (arXiv 1902.08153), section 2.

Deviations: one-bit weights, which the paper does not cover, are ``s sign(v)`` with the limits -1
and 1 and the same formulas, instead of the codes 0 and -1. The first training batch initializes the
step; until then, evaluation uses the step of the current batch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.quantizers.base import (
    ActivationQuantizer,
    SignPlanes,
    WeightQuantizer,
    signs_of_codes,
)
from groupnet_det.quantizers.exporting import is_exporting
from groupnet_det.quantizers.sign_activation import plain_sign

from .first_batch import FirstBatchState, mean_magnitude


def _code_limits(bits: int, *, signed: bool) -> tuple[int, int]:
    """The smallest and the largest code (-Q_N, Q_P)."""
    if not signed:
        return 0, 2**bits - 1
    return (-1, 1) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _codes(scaled: Tensor, bits: int, signed: bool) -> Tensor:
    if signed and bits == 1:
        return plain_sign(scaled)
    return scaled.clamp(*_code_limits(bits, signed=signed)).round()


class _QuantizeStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, step: Tensor, bits: int, signed: bool, gradient_scale: float
    ) -> Tensor:
        ctx.limits = _code_limits(bits, signed=signed)
        ctx.gradient_scale = gradient_scale
        scaled = x / step
        codes = _codes(scaled, bits, signed)
        ctx.save_for_backward(scaled, codes, step)
        return codes * step

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        scaled, codes, step = ctx.saved_tensors
        low, high = ctx.limits
        inside = (scaled > low) & (scaled < high)
        slope = torch.where(inside, codes - scaled, codes)
        grad_step = (grad * slope).sum_to_size(step.shape) * ctx.gradient_scale
        return grad * inside, grad_step, None, None, None


def quantize_step(
    x: Tensor, step: Tensor, *, bits: int, signed: bool, gradient_scale: float = 1.0
) -> Tensor:
    """Quantize to multiples of a step.

    Forward: ``s round(clip(x / s, -Q_N, Q_P))``; halves go to the even number. Backward (equations
    5 and 3): to x, g where ``-Q_N < x / s < Q_P``, else 0; to s, `gradient_scale` times the sum of
    ``g (round(x / s) - x / s)`` there, ``-g Q_N`` below and ``g Q_P`` above.

    Args:
        x: Any shape.
        step: s, with a shape that broadcasts to that of x.
        bits, signed: Q_N and Q_P, see `_code_limits`.
    """
    if is_exporting():
        return _codes(x / step, bits, signed) * step
    return _QuantizeStep.apply(x, step, bits, signed, gradient_scale)


class _LearnedStep(FirstBatchState):
    """The steps of groups of values, as a parameter.

    A step starts at ``2 mean|x| / sqrt(Q_P)`` and its gradient is scaled by ``1 / sqrt(n Q_P)``,
    where n is the number of weights of a group, or of features (C H W) of an image.
    """

    def __init__(self, *, num_groups: int, bits: int, signed: bool) -> None:
        super().__init__()
        self.precision = bits
        self.signed = signed
        self.largest_code = _code_limits(bits, signed=signed)[1]
        self.step = nn.Parameter(torch.ones(num_groups))

    def _quantize(self, rows: Tensor, num_features: int) -> Tensor:
        """Quantize each row of (G, n) with its step."""
        gradient_scale = 1 / math.sqrt(max(num_features, 1) * self.largest_code)
        return quantize_step(
            rows,
            self._current_step(rows.detach()).to(rows.dtype)[:, None],
            bits=self.precision,
            signed=self.signed,
            gradient_scale=gradient_scale,
        )

    def _current_step(self, rows: Tensor) -> Tensor:
        if self.is_initialized():
            return self.step
        start = 2 * mean_magnitude(rows) / math.sqrt(self.largest_code)
        self.initialize(self.step, start)
        return self.step if self.is_initialized() else start


class LSQActivation(_LearnedStep, ActivationQuantizer):
    """Unsigned `quantize_step` with one step for the map; padded with 0."""

    def __init__(self, *, bits: int) -> None:
        super().__init__(num_groups=1, bits=bits, signed=False)

    def forward(self, x: Tensor) -> Tensor:
        # For the gradient alone, which no file has.
        num_features = 1 if is_exporting() else math.prod(x.shape[1:])
        return self._quantize(x.reshape(1, -1), num_features).view_as(x)


class LSQWeight(_LearnedStep, WeightQuantizer):
    """Signed `quantize_step` of weights with one step per group of output channels."""

    def __init__(self, *, bits: int, num_groups: int = 1) -> None:
        super().__init__(num_groups=num_groups, bits=bits, signed=True)

    def forward(self, weight: Tensor) -> Tensor:
        rows = weight.reshape(len(self.step), -1)
        return self._quantize(rows, rows.shape[1]).view_as(weight)

    @torch.no_grad()
    def sign_planes(self, weight: Tensor) -> SignPlanes | None:
        """``s c = s (sum_i 2^(i-1) s_i - 1/2)`` for a code c, where s_i are the signs of the bits
        of ``c + Q_N``; the last plane is the constant."""
        bits = self.precision
        if bits == 1:
            return None
        steps = self._current_step(weight.reshape(len(self.step), -1)).double()
        steps = steps.repeat_interleave(len(weight) // len(self.step))
        lowest = _code_limits(bits, signed=True)[0]
        codes = (self(weight).double() / steps.view(-1, 1, 1, 1)).round() - lowest
        signs = torch.cat([signs_of_codes(codes, bits=bits), -torch.ones_like(weight)[None]])
        halves = 2.0 ** torch.arange(-1, bits - 1, dtype=torch.float64, device=weight.device)
        halves = torch.cat([halves, halves[:1]])
        return SignPlanes(signs, halves[:, None] * steps)
