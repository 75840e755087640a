"""Gradient estimators of sign: what the backward pass does where the function is flat."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from groupnet_det.errors import ConfigError, lookup

# From (g, x) to the gradient of x.
SignGradient = Callable[[Tensor, Tensor], Tensor]


def _polynomial(grad: Tensor, x: Tensor) -> Tensor:
    # In one buffer: 2 g (1 - min(|x|, 1)).
    slope = x.abs().clamp_(max=1)
    return torch.addcmul(grad, grad, slope, value=-1, out=slope).mul_(2)


def _hardtanh(grad: Tensor, x: Tensor) -> Tensor:
    return grad * (x.abs() <= 1)


def _identity(grad: Tensor, x: Tensor) -> Tensor:
    return grad


def _tanh(grad: Tensor, x: Tensor) -> Tensor:
    return grad * (1 - x.tanh().square_())


def _swish(grad: Tensor, x: Tensor) -> Tensor:
    scaled = (5 * x).clamp_(-50, 50)  # cosh overflows beyond 88 in float32
    return grad * 5 * (2 - scaled * (scaled / 2).tanh()) / (1 + scaled.cosh())


# Names of gradient estimators of sign. As factors of g:
#   polynomial: max(2 - 2 |x|, 0). Liu et al., Bi-Real Net (arXiv 1808.00278).
#   hardtanh: 1[|x| <= 1]. Courbariaux et al., BNN (arXiv 1602.02830).
#   identity: 1. Bengio et al. (arXiv 1308.3432).
#   tanh: 1 - tanh(x)^2, the derivative of the smooth first stage of training.
#   swish: b (2 - b x tanh(b x / 2)) / (1 + cosh(b x)), b = 5. Darabi et al., BNN+ (arXiv
#       1812.11901), where b may be learned.
SIGN_GRADIENTS: dict[str, SignGradient] = {
    "polynomial": _polynomial,
    "hardtanh": _hardtanh,
    "identity": _identity,
    "tanh": _tanh,
    "swish": _swish,
}


def sign_gradient(name: str, *, width: float = 1.0) -> SignGradient:
    """The estimator `name`, stretched along x: the gradient at x is that at ``x / width``.

    For ``hardtanh`` the width is the bound of the straight-through estimator, beyond which
    nothing is passed; Zhang et al., PokeBNN (arXiv 2112.00133), found it to matter.

    Args:
        name: A key of `SIGN_GRADIENTS`.
        width: Above 0.

    Raises:
        ConfigError: Unknown `name`, or `width` is not above 0.
    """
    gradient = lookup(SIGN_GRADIENTS, name, "gradient of sign")
    if not 0 < width < math.inf:
        raise ConfigError(f"the width of the sign's gradient is {width}; it must be above 0")
    return gradient if width == 1 else partial(_stretched, gradient, width)


def _stretched(gradient: SignGradient, width: float, grad: Tensor, x: Tensor) -> Tensor:
    return gradient(grad, x / width)
