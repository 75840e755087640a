"""The straight-through estimator: one value forward, another one's gradient backward."""

from typing import Any

import torch
from torch import Tensor

from .exporting import is_exporting


class _PassThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class _PassWhere(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return grad * mask, None, None


def pass_through(source: Tensor, value: Tensor) -> Tensor:
    """Return `value`, a constant, instead of `source`.

    Forward: ``value``. Backward: g unchanged, to `source`.

    Source: Bengio et al. (arXiv 1308.3432).

    Args:
        source, value: Tensors of the same shape and dtype.
    """
    if is_exporting():
        return value
    return _PassThrough.apply(source, value.detach())


def pass_through_clipped(
    source: Tensor, value: Tensor, *, low: float | Tensor, high: float | Tensor
) -> Tensor:
    """Return `value`, a constant, instead of `source`.

    Forward: ``value``. Backward: to `source`, g where ``low <= source <= high``, else 0. (The
    gradient of torch.clamp at the limits depends on the version of torch.)

    Args:
        source, value: Tensors of the same shape and dtype.
        low, high: Numbers or tensors without dimensions.
    """
    if is_exporting():
        return value
    mask = (source >= low) & (source <= high)
    return _PassWhere.apply(source, value.detach(), mask)
