"""Merges the outputs of K bases: averaged, or with learned scales."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from groupnet_det.errors import lookup


def _initial_scales(num_bases: int) -> nn.Parameter:
    """Learned scales that start as the average."""
    return nn.Parameter(torch.full((num_bases,), 1.0 / num_bases))


def _first_scales(scales: Tensor, number: int) -> Tensor:
    """The first scales, which add up to as much as all where these are equal."""
    return scales if number == len(scales) else scales[:number] * (len(scales) / number)


class MeanMerge(nn.Module):
    """``m = mean_k p_k``, over the branches that run (Group-Net, journal version, arXiv
    1909.09934)."""

    def __init__(self, num_bases: int) -> None:
        super().__init__()

    def forward(self, branches: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """K tensors (N, C, H, W) -> m, and the branches as the next block receives them."""
        if len(branches) == 1:
            return branches[0], branches
        return sum(branches[1:], branches[0]) / len(branches), branches


class ScaledMerge(nn.Module):
    """``m = sum_k s_k p_k`` with learned scales (Group-Net, conference version, arXiv
    1811.10413); ``m = K / K' sum_k s_k p_k`` where the first K' of K branches run."""

    def __init__(self, num_bases: int) -> None:
        super().__init__()
        self.scales = _initial_scales(num_bases)

    def forward(self, branches: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """See `MeanMerge`."""
        scales = _first_scales(self.scales, len(branches))
        return torch.einsum("k,knchw->nchw", scales, torch.stack(list(branches))), branches


class AliasedMeanMerge(nn.Module):
    """`MeanMerge` as in the weights that the authors published for "gates, no scales".

    There branch 0 and the accumulator of the sum are one tensor, so the next block receives the sum
    of all branches instead of branch 0. For their weights alone, never for new ones.
    """

    def __init__(self, num_bases: int) -> None:
        super().__init__()

    def forward(self, branches: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """See `MeanMerge`."""
        total = sum(branches[1:], branches[0])
        return total / len(branches), [total, *branches[1:]]


MERGES: dict[str, Callable[[int], nn.Module]] = {
    "mean": MeanMerge,
    "learned_scales": ScaledMerge,
    "aliased_mean": AliasedMeanMerge,
}


class WideMerge(nn.Module):
    """(N, K * C, H, W) -> (N, C, H, W), where the first of K bases alone may run."""

    def __init__(self, num_bases: int) -> None:
        super().__init__()
        self.num_bases = self.num_running = num_bases

    def run_bases(self, number: int) -> None:
        """See `groupnet_det.layers.slimmable`."""
        self.num_running = min(number, self.num_bases)


class WideMean(WideMerge):
    """(N, K * C, H, W) -> (N, C, H, W), the average of the K bases."""

    def forward(self, wide: Tensor) -> Tensor:
        if self.num_running == 1:
            return wide
        return wide.unflatten(1, (self.num_running, -1)).mean(dim=1)


class WideScales(WideMerge):
    """(N, K * C, H, W) -> (N, C, H, W), the sum of the K bases with learned scales.

    Where the first K' of them run, scales are multiplied by K / K'; a single one is not scaled.
    """

    def __init__(self, num_bases: int) -> None:
        super().__init__(num_bases)
        self.scales = _initial_scales(num_bases)

    def forward(self, wide: Tensor) -> Tensor:
        if self.num_running == 1:
            return wide
        bases = wide.unflatten(1, (self.num_running, -1))
        return torch.einsum("k,nkchw->nchw", _first_scales(self.scales, self.num_running), bases)


WIDE_MERGES: dict[str, Callable[[int], nn.Module]] = {
    "mean": WideMean,
    "learned_scales": WideScales,
}


def merge_wide(name: str, num_bases: int) -> nn.Module:
    """Make the merge called `name` of a wide convolution; nothing is left to do for one base.

    Raises:
        ConfigError: Unknown name; the message lists the valid ones.
    """
    make = lookup(WIDE_MERGES, name, "MODEL.GROUPNET.MERGE (of bases that meet after a layer)")
    return make(num_bases) if num_bases > 1 else nn.Identity()
