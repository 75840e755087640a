"""Soft gates: inputs of the K branches of a block.

Legend: m the merged output of the group before, b_k branch k of the block before, each
(N, C, H, W).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class MergedInput(nn.Module):
    """``x_k = m`` for all branches."""

    def forward(
        self, merged: Tensor, branches: Sequence[Tensor], num_branches: int
    ) -> list[Tensor]:
        """m, the b_k and K -> K tensors."""
        return [merged] * num_branches


class SoftGate(nn.Module):
    """``x_k = sigmoid(g) * b_k + (1 - sigmoid(g)) * m`` with one scalar g for a block.

    A group's branch takes its input partly from the same branch of the group before and partly from
    that group's merged output: the soft connection of Group-Net (arXiv 1909.09934).
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1))  # sigmoid(0): both in equal parts

    def forward(
        self, merged: Tensor, branches: Sequence[Tensor], num_branches: int
    ) -> list[Tensor]:
        """See `MergedInput`."""
        dtype = merged.dtype  # under autocast they may differ, which lerp refuses
        share = torch.sigmoid(self.gate).to(dtype)
        return [torch.lerp(merged, branch.to(dtype), share) for branch in branches]


class BranchInput(nn.Module):
    """``x_k = b_k``: inside a group of several blocks each branch goes on by itself."""

    def forward(
        self, merged: Tensor, branches: Sequence[Tensor], num_branches: int
    ) -> list[Tensor]:
        """See `MergedInput`."""
        return list(branches)


CONNECTIONS: dict[str, Callable[[], nn.Module]] = {
    "merged": MergedInput,
    "gated": SoftGate,
    "chained": BranchInput,
}
