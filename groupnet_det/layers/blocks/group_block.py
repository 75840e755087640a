"""A residual block decomposed into K branches."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.layers.convs.base_merge import MERGES
from groupnet_det.layers.convs.quantization import Quantization

from .block_design import BlockDesign
from .downsample import DOWNSAMPLES
from .residual_branch import make_branch
from .soft_gate import CONNECTIONS


class GroupBlock(nn.Module):
    """K branches of a residual block, what connects them to the block before, and their merge.

    ``x_k = connect(m, b_k)``, ``p_k = branch_k(x_k)``, ``m' = merge(p)``, where b_k is branch k of
    the block before and m its merged output (Group-Net, arXiv 1909.09934). With gates, K chains of
    branches run through the network and exchange what they know at each block.

    Decomposed by layers there is one branch, whose convolutions have the K bases.
    """

    def __init__(
        self,
        kind: str,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int | Sequence[int] = 1,
        entry_dilation: int | Sequence[int] = 1,
        connection: str,
        merge: str | None,
        design: BlockDesign,
        quantization: Quantization,
    ) -> None:
        """
        Args:
            kind: ``basic`` or ``bottleneck``.
            stride: Stride of the block.
            dilation: Dilation of its 3x3 convolutions: one for all branches, or one for each.
            entry_dilation: Dilation of the convolution that would have the stride; likewise.
            connection: A key of `CONNECTIONS`.
            merge: A key of `MERGES`, or nothing inside a group, where branches do not meet.
            design: Design of the branches.
            quantization: Quantizers and K.

        Raises:
            ConfigError: A value is not among the valid ones, which the message lists, or the
                dilations are not as many as the branches.
        """
        super().__init__()
        by_layer = design.group == "layer"
        num_branches = 1 if by_layer else quantization.num_bases
        of_branch = quantization if by_layer else replace(quantization, num_bases=1)
        self.connect = lookup(CONNECTIONS, connection, "the connection of a block")()
        self.branches = nn.ModuleList(
            make_branch(
                kind,
                in_channels,
                out_channels,
                stride=stride,
                dilation=own,
                entry_dilation=own_entry,
                design=design,
                quantization=of_branch,
            )
            for own, own_entry in zip(
                _of_branches(dilation, num_branches),
                _of_branches(entry_dilation, num_branches),
                strict=True,
            )
        )
        make_downsample = lookup(DOWNSAMPLES, design.downsample, "MODEL.GROUPNET.DOWNSAMPLE")
        changes_shape = stride != 1 or in_channels != out_channels
        # One module for all branches; see `_residuals`.
        self.downsample = (
            make_downsample(
                in_channels, out_channels, stride, design=design, quantization=of_branch
            )
            if changes_shape
            else nn.Identity()
        )
        self.merge = lookup(MERGES, merge, "MODEL.GROUPNET.MERGE")(num_branches) if merge else None
        self.num_bases = self.num_running = num_branches

    def run_bases(self, number: int) -> None:
        """See `groupnet_det.layers.slimmable`."""
        self.num_running = min(number, self.num_bases)

    def forward(
        self, merged: Tensor, branches: Sequence[Tensor]
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Map the output of the block before to this block's.

        Args:
            merged: (N, C_in, H, W), m.
            branches: The K tensors b_k of that shape; read by some connections only.

        Returns:
            m' (m where the branches do not meet) and the K tensors p_k, each
            (N, C_out, H/stride, W/stride).
        """
        inputs = self.connect(merged, branches, self.num_running)
        residuals = self._residuals(inputs)
        running = self.branches[: self.num_running]
        outputs = [branch(x, r) for branch, x, r in zip(running, inputs, residuals, strict=True)]
        return self.merge(outputs) if self.merge is not None else (merged, outputs)

    def _residuals(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The shortcut of each branch: with batch statistics of its own where it has an input of
        its own; computed once, with one update of the running statistics, where all share one."""
        if all(x is inputs[0] for x in inputs):
            return [self.downsample(inputs[0])] * len(inputs)
        return [self.downsample(x) for x in inputs]


def _of_branches(dilation: int | Sequence[int], num_branches: int) -> Sequence[int]:
    """One for each branch.

    Raises:
        ConfigError: They are given, but are not as many.
    """
    if isinstance(dilation, int):
        return [dilation] * num_branches
    if len(dilation) != num_branches:
        raise ConfigError(
            f"{len(dilation)} dilations, one for each base, for a block of {num_branches} "
            "branches; with BPAC, MODEL.GROUPNET.GROUP must be 'block', 'stage' or 'network', and "
            "DILATIONS must list NUM_BASES (K) of them"
        )
    return dilation
