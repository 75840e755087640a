"""K units side by side, each with an input of its own: a layer of a group-wise decomposed chain.

Legend: K branches, L maps (such as the levels of a pyramid). ``branches`` is a list of K lists of
L maps (N, C, H_l, W_l).
"""

from collections.abc import Callable

from torch import Tensor, nn

from groupnet_det.layers.convs.conv_unit import ConvUnit

from .soft_gate import SoftGate


class BranchedUnit(nn.Module):
    """``b'_k = unit_k(x_k)`` with ``x_k = b_k``, or after a soft gate
    ``x_k = sigmoid(g) * b_k + (1 - sigmoid(g)) * mean_j b_j``.

    A chain of these is decomposed as one group: its K branches meet at its end, and with gates
    exchange what they know after each layer. (Group-Net, arXiv 1909.09934, whose groups are
    residual blocks; chains of a detector's pyramid and heads are ours.)
    """

    def __init__(
        self, make_unit: Callable[[], ConvUnit], *, num_branches: int, gated: bool = False
    ) -> None:
        """
        Args:
            make_unit: Called for each branch; gives a unit with one base.
            num_branches: K.
            gated: Whether there is a gate; the first layer of a chain, whose branches have a common
                input, has no use for one.
        """
        super().__init__()
        self.connect = SoftGate() if gated else None
        self.branches = nn.ModuleList(make_unit() for _ in range(num_branches))
        self.num_bases = self.num_running = num_branches

    def run_bases(self, number: int) -> None:
        """See `groupnet_det.layers.slimmable`."""
        self.num_running = min(number, self.num_bases)

    def forward_branches(self, branches: list[list[Tensor]]) -> list[list[Tensor]]:
        """K lists of maps, or one that is the input of all branches, to K lists of maps."""
        if len(branches) == 1:
            branches = branches * self.num_running
        elif self.connect is not None:
            branches = self._connect(branches)
        return [
            unit.forward_maps(maps)  # type: ignore[operator]
            for unit, maps in zip(self.branches[: self.num_running], branches, strict=True)
        ]

    def _connect(self, branches: list[list[Tensor]]) -> list[list[Tensor]]:
        assert self.connect is not None
        levels = [
            self.connect(merged, level, len(level))
            for merged, level in zip(
                join_branches(branches), zip(*branches, strict=True), strict=True
            )
        ]
        return [list(maps) for maps in zip(*levels, strict=True)]


def join_branches(branches: list[list[Tensor]]) -> list[Tensor]:
    """The mean over the branches, for each of the L maps."""
    if len(branches) == 1:
        return branches[0]
    return [sum(level[1:], level[0]) / len(level) for level in zip(*branches, strict=True)]
