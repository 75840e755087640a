"""sign for activations, with a choice of gradient estimators.

One convention everywhere: sign(x) = +1 where x >= 0 (so for 0 and -0.0 too) and -1 elsewhere, NaN
included. A value of -1 is bit 1 in packed form.
"""

import math
from typing import Any

import torch
from torch import Tensor

from .base import ActivationQuantizer
from .exporting import is_exporting
from .sign_gradients import SIGN_GRADIENTS, SignGradient, sign_gradient


def plain_sign(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """``sign(x) + shift`` without a gradient, in place, without the temporaries of torch.where."""
    if is_exporting():
        return (x >= 0).to(x.dtype) * 2 + (shift - 1)
    return torch.ge(x, 0, out=torch.empty_like(x)).mul_(2).add_(shift - 1)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gradient: SignGradient, shift: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.gradient = gradient
        return plain_sign(x, shift=shift)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return ctx.gradient(grad, x), None, None


def sign(x: Tensor, *, gradient: SignGradient, shift: float = 0.0) -> Tensor:
    """Binarize to {-1, +1}.

    Forward: ``sign(x) + shift``. Backward: ``gradient(g, x)``.

    Args:
        x: Any shape.
        gradient: Such as a value of `SIGN_GRADIENTS`.
        shift: Added to the result at no cost; see `ActivationQuantizer.shifted`.
    """
    if is_exporting():
        return plain_sign(x, shift=shift)
    return _Sign.apply(x, gradient, shift)


def sign_polynomial(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """`sign` with the gradient of a piecewise quadratic.

    Forward: ``sign(x) + shift``. Backward: ``g * max(2 - 2 |x|, 0)``.

    Source: Liu et al., Bi-Real Net (arXiv 1808.00278).
    """
    return sign(x, gradient=SIGN_GRADIENTS["polynomial"], shift=shift)


class SignActivation(ActivationQuantizer):
    """{-1, +1} by `sign`; padded with +1 (Group-Net, Bi-Real Net, BNN).

    Attributes:
        slope: If finite, ``tanh(slope * x)`` replaces the sign. This is a state of the training,
            not of the network, so checkpoints do not contain it.
    """

    precision = 1
    pad_value = 1.0
    slope: float = math.inf

    def __init__(self, *, gradient: str = "polynomial", width: float = 1.0) -> None:
        """
        Args:
            gradient, width: See `sign_gradient`.

        Raises:
            ConfigError: See `sign_gradient`.
        """
        super().__init__()
        self.gradient = sign_gradient(gradient, width=width)

    def forward(self, x: Tensor) -> Tensor:
        return sign(x, gradient=self.gradient) if self.is_hard else torch.tanh(self.slope * x)

    def shifted(self, x: Tensor) -> Tensor:
        if not self.is_hard:
            return super().shifted(x)
        return sign(x, gradient=self.gradient, shift=-self.pad_value)

    def codes(self, x: Tensor) -> Tensor:
        return (x >= 0).logical_not_().view(torch.uint8)  # not x < 0: NaN counts as negative

    @property
    def code_step(self) -> float | None:
        return -2.0 if self.is_hard else None

    @property
    def is_hard(self) -> bool:
        return math.isinf(self.slope)
