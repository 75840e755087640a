"""Binarization to {0, 1}."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from groupnet_det.errors import lookup

from .base import ActivationQuantizer
from .pass_through import pass_through, pass_through_clipped

# Functions from (x, its binary value) to that value with a gradient. As factors of g:
#   clipped: 1[0 <= x <= 1]. Zhou et al., DoReFa-Net (arXiv 1606.06160).
#   identity: 1. The code that the authors of Group-Net published.
ZERO_ONE_GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "clipped": partial(pass_through_clipped, low=0, high=1),
    "identity": pass_through,
}


def round_clipped(x: Tensor, *, gradient: str = "clipped") -> Tensor:
    """Binarize to {0, 1}.

    Forward: ``round(clip(x, 0, 1))``, which is 1 for x > 0.5 and 0 elsewhere (0.5 and NaN too).
    Backward: g inside [0, 1], else 0; or g everywhere.

    Source: Zhou et al., DoReFa-Net (arXiv 1606.06160), with one bit.

    Args:
        x: Any shape.
        gradient: A key of `ZERO_ONE_GRADIENTS`.

    Raises:
        ConfigError: Unknown `gradient`.
    """
    estimate = lookup(ZERO_ONE_GRADIENTS, gradient, "gradient of {0, 1}")
    return estimate(x, (x > 0.5).to(x.dtype))


class ZeroOneActivation(ActivationQuantizer):
    """{0, 1} by `round_clipped`; padded with 0 (Group-Net's binary ASPP)."""

    precision = 1

    def __init__(self, *, gradient: str = "clipped") -> None:
        """
        Args:
            gradient: A key of `ZERO_ONE_GRADIENTS`.

        Raises:
            ConfigError: Unknown `gradient`.
        """
        super().__init__()
        lookup(ZERO_ONE_GRADIENTS, gradient, "gradient of {0, 1}")
        self.gradient = gradient

    @property
    def code_step(self) -> float:
        return 1.0

    def forward(self, x: Tensor) -> Tensor:
        return round_clipped(x, gradient=self.gradient)
