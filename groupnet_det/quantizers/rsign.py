"""ReActNet's sign with a learned threshold per channel."""

import torch
from torch import Tensor, nn

from .sign_activation import SignActivation


class RSignActivation(SignActivation):
    """RSign: {-1, +1} by a threshold a_c for each channel c; padded with +1.

    Forward: ``sign(x - a_c)``. Backward: that of `sign` at ``x - a_c``, so to a_c its negative,
    summed over images and pixels. With a finite `slope`, ``tanh(slope * (x - a_c))``.

    Source: Liu et al., ReActNet (arXiv 2003.03488). Deviation: x equal to the threshold
    gives +1, and the gradient estimator is a choice (`polynomial` in the paper).
    """

    def __init__(
        self, num_channels: int, *, gradient: str = "polynomial", width: float = 1.0
    ) -> None:
        """
        Args:
            num_channels: C of the (N, C, H, W) input.
            gradient, width: See `sign_gradient`.

        Raises:
            ConfigError: See `sign_gradient`.
        """
        super().__init__(gradient=gradient, width=width)
        self.thresholds = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self._centred(x))

    def shifted(self, x: Tensor) -> Tensor:
        if not self.is_hard:
            return self(x) - self.pad_value
        return super().shifted(self._centred(x))

    def codes(self, x: Tensor) -> Tensor:
        return super().codes(self._centred(x))

    def _centred(self, x: Tensor) -> Tensor:
        return x - self.thresholds.to(x.dtype).view(-1, 1, 1)
