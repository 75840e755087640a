"""ReActNet's PReLU with learned shifts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RPReLU(nn.Module):
    """``prelu_c(x - gamma_c) + zeta_c`` with the negative slope beta_c, for each channel c.

    ``y = x - gamma_c + zeta_c`` where ``x > gamma_c``, else ``beta_c (x - gamma_c) + zeta_c``.
    Starts as a PReLU: gamma and zeta at 0, beta at 0.25.

    Source: Liu et al., ReActNet (arXiv 2003.03488).
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.shift_in = nn.Parameter(torch.zeros(num_channels))
        self.slope = nn.Parameter(torch.full((num_channels,), 0.25))
        self.shift_out = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape and dtype; C may be the first of its channels only."""
        shift_in, slope, shift_out = (
            s[: x.shape[1]].to(x.dtype) for s in (self.shift_in, self.slope, self.shift_out)
        )
        return F.prelu(x - shift_in.view(-1, 1, 1), slope) + shift_out.view(-1, 1, 1)
