"""A residual block decomposed into K binary branches, as Group-Net joins them."""

from typing import Protocol

import torch
from torch import Tensor, nn

from groupnet_det.errors import lookup

from .binarization import Binarization
from .residual_branch import BasicBranch
from .soft_gate import SoftGate


class MeanMerge(nn.Module):
    """``mean_k p_k`` (Group-Net, journal version)."""

    def __init__(self, num_bases: int) -> None:
        super().__init__()

    def forward(self, branches: list[Tensor]) -> Tensor:
        return torch.stack(branches).mean(dim=0) if len(branches) > 1 else branches[0]


class ScaledMerge(nn.Module):
    """``sum_k s_k p_k`` with learned scales that start at 1/K (Group-Net, conference version)."""

    def __init__(self, num_bases: int) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.full((num_bases,), 1.0 / num_bases))

    def forward(self, branches: list[Tensor]) -> Tensor:
        return torch.einsum("k,knchw->nchw", self.scales, torch.stack(branches))


def binary_downsample(
    in_channels: int, out_channels: int, stride: int, binarization: Binarization
) -> nn.Module:
    """Binary 1x1 convolution with a stride, then BN without ReLU."""
    conv = binarization.make_conv(in_channels, out_channels, 1, stride=stride)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def float_downsample(
    in_channels: int, out_channels: int, stride: int, binarization: Binarization
) -> nn.Module:
    """The same in full precision, on the float input: "Group-Net**" of the paper."""
    conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class MakeDownsample(Protocol):
    def __call__(
        self, in_channels: int, out_channels: int, stride: int, binarization: Binarization
    ) -> nn.Module: ...


MERGES: dict[str, type[nn.Module]] = {"mean": MeanMerge, "learned_scales": ScaledMerge}
DOWNSAMPLES: dict[str, MakeDownsample] = {"binary": binary_downsample, "float": float_downsample}


class GroupBlock(nn.Module):
    """K branches with a common input, a soft gate before them and a merge behind them.

    ``x_k = gate(b_k, m)`` where b_k is branch k of the block before and m its merged output, or
    ``x_k = m`` without a gate; ``p_k = branch_k(x_k)``; ``m' = merge(p)`` (Group-Net, arXiv
    1909.09934). With gates, K chains of branches run through the network and exchange what they
    know at each block.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        gated: bool,
        merge: str,
        downsample: str,
        binarization: Binarization,
    ) -> None:
        """
        Args:
            gated: Whether a soft gate mixes the inputs; the first block of a network has none.
            merge: A key of `MERGES`.
            downsample: A key of `DOWNSAMPLES`; used where the block changes stride or channels.
            binarization: Quantizers and K.

        Raises:
            ConfigError: Unknown `merge` or `downsample`.
        """
        super().__init__()
        self.branches = nn.ModuleList(
            BasicBranch(in_channels, out_channels, stride=stride, binarization=binarization)
            for _ in range(binarization.num_bases)
        )
        self.gate = SoftGate() if gated else None
        self.merge = lookup(MERGES, merge, "MODEL.GROUPNET.MERGE")(binarization.num_bases)
        make_downsample = lookup(DOWNSAMPLES, downsample, "MODEL.GROUPNET.DOWNSAMPLE")
        changes_shape = stride != 1 or in_channels != out_channels
        # One module for all branches: each applies it with its own batch statistics.
        self.downsample = (
            make_downsample(in_channels, out_channels, stride, binarization)
            if changes_shape
            else nn.Identity()
        )

    def forward(self, merged: Tensor, branches: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Map the output of the block before to this block's.

        Args:
            merged: (N, C_in, H, W), m.
            branches: The K tensors b_k of that shape; not read without a gate.

        Returns:
            m' and the K tensors p_k, each (N, C_out, H/stride, W/stride).
        """
        if self.gate is None:
            inputs = [merged] * len(self.branches)
        else:
            inputs = [self.gate(branch, merged) for branch in branches]
        outputs = [
            branch(x, self.downsample) for branch, x in zip(self.branches, inputs, strict=True)
        ]
        return self.merge(outputs), outputs
