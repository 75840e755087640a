"""Slimmable networks: networks that also run with the first K' of their K bases.

A module with bases has a ``run_bases``; `run_bases` calls all of them. A BatchNorm sees other
values with each K', since branches read what all of them have made, so each K' has its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groupnet_det.layers.norms.per_level_norm import PerLevelBatchNorm


class SwitchableBatchNorm2d(nn.Module):
    """A BatchNorm2d for each number of bases, statistics *and* affine.

    Source: Yu et al., Slimmable Neural Networks (arXiv 1812.08928), there for each width.
    """

    def __init__(self, norm: nn.BatchNorm2d, choices: Sequence[int], *, num_wide: int = 1) -> None:
        """
        Args:
            norm: What all of them start from.
            choices: Numbers of bases, of which the greatest runs at first.
            num_wide: The number of bases whose channels `norm` has side by side; 1 where its
                channels do not belong to bases.
        """
        super().__init__()
        channels = norm.num_features // num_wide
        self.of_bases = nn.ModuleDict(
            {str(k): _first_channels(norm, channels * min(k, num_wide)) for k in choices}
        )
        self.run_bases(max(choices))

    def run_bases(self, number: int) -> None:
        self.number = number

    @property
    def current(self) -> nn.Module:
        """The one of the number of bases that runs."""
        return self.of_bases[str(self.number)]

    def forward(self, x: Tensor) -> Tensor:
        return self.current(x)


def make_slimmable(model: nn.Module, choices: Sequence[int]) -> None:
    """Put a `SwitchableBatchNorm2d` instead of every ``nn.BatchNorm2d`` below `model`.

    Args:
        choices: Numbers of bases; the greatest is that of the model, which runs at first.
    """
    _switch_norms(model, choices, {})


def run_bases(model: nn.Module, number: int) -> None:
    """Let the first `number` bases of each group run, or all of a group that has fewer.

    The mean or the scaled sum of a group, and the mean that its gates mix in, are those of the
    bases that run; see `layers.convs.base_merge`.
    """
    for module in model.modules():
        if hasattr(module, "run_bases"):
            module.run_bases(number)  # type: ignore[operator]


def slimmable_choices(model: nn.Module) -> list[int]:
    """The numbers of bases that a model can run with, rising; none if it is not slimmable."""
    norms = (m for m in model.modules() if isinstance(m, SwitchableBatchNorm2d))
    return sorted(map(int, getattr(next(norms, None), "of_bases", ())))


def num_bases(model: nn.Module) -> int:
    """K: the greatest number of bases of a group; 1 where there are none."""
    counts = (getattr(m, "num_bases", 1) for m in model.modules() if hasattr(m, "run_bases"))
    return max(counts, default=1)


def _switch_norms(
    module: nn.Module, choices: Sequence[int], made: dict[nn.Module, SwitchableBatchNorm2d]
) -> None:
    # The levels of a pyramid may share one norm, which stays one.
    for name, child in list(module._modules.items()):
        if child is None:
            continue
        if type(child) is nn.BatchNorm2d:
            num_wide = module.num_wide if isinstance(module, PerLevelBatchNorm) else 1
            if child not in made:
                made[child] = SwitchableBatchNorm2d(child, choices, num_wide=num_wide)
            setattr(module, name, made[child])
        else:
            _switch_norms(child, choices, made)


@torch.no_grad()
def _first_channels(norm: nn.BatchNorm2d, number: int) -> nn.BatchNorm2d:
    """A copy of a BatchNorm's first channels."""
    result = nn.BatchNorm2d(number, eps=norm.eps, momentum=norm.momentum)
    result = result.to(norm.weight.device, norm.weight.dtype).train(norm.training)
    for name, own in result.state_dict().items():
        value = norm.state_dict()[name]
        own.copy_(value[:number] if value.dim() else value)
    for name, parameter in result.named_parameters():
        parameter.requires_grad_(norm.get_parameter(name).requires_grad)
    return result
