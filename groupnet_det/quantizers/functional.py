"""Pure quantization functions with their gradient estimators.

One convention everywhere: sign(x) = +1 where x >= 0 (so for 0 and -0.0 too) and -1 elsewhere, NaN
included. A value of -1 is bit 1 in packed form.
"""

from typing import Any

import torch
from torch import Tensor


def _sign(x: Tensor, shift: float = 0.0) -> Tensor:
    """``sign(x) + shift``, in place, without the temporaries of ``torch.where``."""
    return torch.ge(x, 0, out=torch.empty_like(x)).mul_(2).add_(shift - 1)


class _SignPolynomial(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: float) -> Tensor:
        ctx.save_for_backward(x)
        return _sign(x, shift)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad * (2 - 2 * x.abs()).clamp_(min=0), None


class _RoundClipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0.5).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * ((x >= 0) & (x <= 1))


class _PassThrough(torch.autograd.Function):
    """Return `value`; send the gradient to `source`."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def sign_polynomial(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """Binarize to {-1, +1}, with the gradient of a piecewise quadratic.

    Forward: ``sign(x) + shift``. Backward: ``g * max(2 - 2 |x|, 0)``.

    Source: Liu et al., Bi-Real Net (arXiv 1808.00278).

    Args:
        x: Any shape.
        shift: Added to the result at no cost; see `ActivationQuantizer.shifted`.
    """
    return _SignPolynomial.apply(x, shift)


def round_clipped(x: Tensor) -> Tensor:
    """Binarize to {0, 1}.

    Forward: ``round(clip(x, 0, 1))``, which is 1 for x > 0.5 and 0 elsewhere (0.5 and NaN too).
    Backward: g inside [0, 1], else 0.

    Source: Zhou et al., DoReFa-Net (arXiv 1606.06160), with one bit.
    """
    return _RoundClipped.apply(x)


def binarize_weight(weight: Tensor, *, num_groups: int = 1, per_channel: bool = False) -> Tensor:
    """Binarize convolution weights to ``sign(W) * s`` with the scale s = mean |W|.

    Backward: g unchanged (straight-through, Bengio et al., arXiv 1308.3432), none through s.

    Source: Rastegari et al., XNOR-Net (arXiv 1603.05279), section 3.1, for a scale per channel;
    Group-Net (arXiv 1909.09934) uses one for the layer.

    Args:
        weight: (C_out, C_in, kH, kW).
        num_groups: The output channels are that many equal groups (the bases of a group of
            convolutions), each with a scale of its own.
        per_channel: A scale per output channel instead.

    Returns:
        As `weight`.
    """
    groups = weight.shape[0] if per_channel else num_groups
    scale = weight.detach().reshape(groups, -1).abs().mean(dim=1)
    scale = scale.repeat_interleave(weight.shape[0] // groups)
    return _PassThrough.apply(weight, _sign(weight.detach()) * scale.view(-1, 1, 1, 1))
