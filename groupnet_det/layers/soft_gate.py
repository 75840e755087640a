"""The learned soft connection between the blocks of Group-Net."""

import torch
from torch import Tensor, nn


class SoftGate(nn.Module):
    """``sigmoid(g) * branch + (1 - sigmoid(g)) * merged`` with one scalar g for a block.

    A block's branch k takes its input partly from branch k of the block before and partly from
    that block's merged output (Group-Net, arXiv 1909.09934).
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1))  # sigmoid(0): both in equal parts

    def forward(self, branch: Tensor, merged: Tensor) -> Tensor:
        """Both (N, C, H, W), and so is the result."""
        dtype = merged.dtype  # under autocast the three may differ, which lerp refuses
        return torch.lerp(merged, branch.to(dtype), torch.sigmoid(self.gate).to(dtype))
