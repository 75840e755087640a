"""sign(W) times a scale, with a choice of scales and gradient estimators."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from groupnet_det.errors import lookup

from .base import WeightQuantizer
from .exporting import is_exporting
from .sign_activation import plain_sign


def _layer_scale(weight: Tensor, num_groups: int) -> Tensor:
    # In two steps: each channel in parallel, then the channels of a group.
    sums = weight.abs().sum(dim=(1, 2, 3)).view(num_groups, -1).sum(dim=1)
    scale = sums.div_(weight.numel() // num_groups)
    return scale.repeat_interleave(weight.shape[0] // num_groups).view(-1, 1, 1, 1)


def _channel_scale(weight: Tensor, num_groups: int) -> Tensor:
    return _layer_scale(weight, weight.shape[0])


def _no_scale(weight: Tensor, num_groups: int) -> Tensor:
    return weight.new_ones(1, 1, 1, 1)


def _identity(grad: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return grad


def _clipped(grad: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return grad * (weight.abs() <= 1)


def _magnitude(grad: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return grad * (weight.abs() <= 1) * scale


# From (W, number of groups) to the scale s of each output channel:
#   layer: mean |W| of the layer, or of each group of output channels. Group-Net (arXiv 1909.09934).
#   channel: mean |W| of each output channel. XNOR-Net (arXiv 1603.05279), section 3.1.
#   none: 1. BNN (arXiv 1602.02830).
WEIGHT_SCALES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "layer": _layer_scale,
    "channel": _channel_scale,
    "none": _no_scale,
}

# From (g, W, s) to the gradient of W:
#   identity: g. Bengio et al. (arXiv 1308.3432).
#   clipped: g 1[|W| <= 1]. BNN (arXiv 1602.02830).
#   magnitude: g s 1[|W| <= 1]. Bi-Real Net (arXiv 1808.00278), there with |W| < 1.
WEIGHT_GRADIENTS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "identity": _identity,
    "clipped": _clipped,
    "magnitude": _magnitude,
}


class _ScaledSign(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        scale: Tensor,
        gradient: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> Tensor:
        ctx.save_for_backward(weight, scale)
        ctx.gradient = gradient
        return plain_sign(weight).mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gradient(grad, *ctx.saved_tensors), None, None


def binarize_weight(
    weight: Tensor, *, scale: str = "layer", num_groups: int = 1, gradient: str = "identity"
) -> Tensor:
    """Binarize convolution weights to ``sign(W) * s``.

    Backward: by `gradient` to W, none through s.

    Source: Rastegari et al., XNOR-Net (arXiv 1603.05279), and the papers named at `WEIGHT_SCALES`
    and `WEIGHT_GRADIENTS`. Deviation: XNOR-Net's gradient also goes through s.

    Args:
        weight: (C_out, C_in, kH, kW).
        scale: A key of `WEIGHT_SCALES`.
        num_groups: Number of equal groups of output channels (the bases of wide convolutions);
            the scale ``layer`` is computed for each.
        gradient: A key of `WEIGHT_GRADIENTS`.

    Returns:
        A tensor like `weight`.

    Raises:
        ConfigError: Unknown `scale` or `gradient`.
    """
    make_scale = lookup(WEIGHT_SCALES, scale, "weight scale")
    estimator = lookup(WEIGHT_GRADIENTS, gradient, "weight gradient")
    scales = make_scale(weight.detach(), num_groups)
    if is_exporting():
        return plain_sign(weight) * scales
    return _ScaledSign.apply(weight, scales, estimator)


class SignWeight(WeightQuantizer):
    """``sign(W) * s`` by `binarize_weight` (XNOR-Net, Group-Net, Bi-Real Net, BNN).

    Attributes:
        binary: If False, float weights are used. This is a state of the training, not of the
            network, so checkpoints do not contain it.
    """

    precision = 1
    binary: bool = True

    def __init__(
        self, *, scale: str = "layer", num_groups: int = 1, gradient: str = "identity"
    ) -> None:
        """See `binarize_weight` for the arguments."""
        super().__init__()
        self.scale = scale
        self.num_groups = num_groups
        self.gradient = gradient

    def forward(self, weight: Tensor) -> Tensor:
        if not self.binary:
            return weight
        return binarize_weight(
            weight, scale=self.scale, num_groups=self.num_groups, gradient=self.gradient
        )
