"""Binarization to {0, 1}."""

from torch import Tensor

from .base import ActivationQuantizer
from .straight_through import pass_through_clipped


def round_clipped(x: Tensor) -> Tensor:
    """Binarize to {0, 1}.

    Forward: ``round(clip(x, 0, 1))``, which is 1 for x > 0.5 and 0 elsewhere (0.5 and NaN too).
    Backward: g inside [0, 1], else 0.

    Source: Zhou et al., DoReFa-Net (arXiv 1606.06160), with one bit.
    """
    return pass_through_clipped(x, (x > 0.5).to(x.dtype), low=0, high=1)


class ZeroOneActivation(ActivationQuantizer):
    """{0, 1} by `round_clipped`; padded with 0 (Group-Net's binary ASPP)."""

    precision = 1

    @property
    def code_step(self) -> float:
        return 1.0

    def forward(self, x: Tensor) -> Tensor:
        return round_clipped(x)
