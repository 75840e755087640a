"""One base of a residual block, with a shortcut around every convolution or around the block.

Legend: x input, r the input in the shape of the output: x itself, or the downsampled x where the
block changes its stride or its channels; u_i the units of the branch.
"""

from collections.abc import Callable

from torch import Tensor, nn

from groupnet_det.errors import lookup
from groupnet_det.layers.convs.conv_unit import NONLINEARITIES, ConvUnit
from groupnet_det.layers.convs.quantization import Quantization

from .block_design import BlockDesign

BOTTLENECK_EXPANSION = 4


class BasicBranch(nn.Module):
    """``o = u1(x) + r``, ``y = u2(o) + o``: the blocks of ResNet-18 and -34.

    Source: Group-Net (arXiv 1909.09934); the shortcut around every convolution is Bi-Real Net's
    (arXiv 1808.00278).
    """

    def __init__(self, units: list[ConvUnit], final: nn.Module) -> None:
        super().__init__()
        self.unit1, self.unit2 = units

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(N, C_in, H, W) and r of (N, C, H/stride, W/stride) -> (N, C, H/stride, W/stride)."""
        hidden = self.unit1(x) + residual
        return self.unit2(hidden) + hidden


class BottleneckBranch(nn.Module):
    """``o1 = u1(x)``, ``o2 = u2(o1) + o1`` (without ``o1`` where u2 has a stride),
    ``y = u3(o2) + r``: the blocks of ResNet-50, narrow in their middle.

    The paper has a ResNet-50, but no description of its block; this one is ours.
    """

    def __init__(self, units: list[ConvUnit], final: nn.Module) -> None:
        super().__init__()
        self.unit1, self.unit2, self.unit3 = units
        self.keeps_size = units[1].conv.geometry.stride == (1, 1)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """See `BasicBranch`."""
        narrow = self.unit1(x)
        middle = self.unit2(narrow)
        if self.keeps_size:
            middle = middle + narrow
        return self.unit3(middle) + residual


class SingleShortcutBranch(nn.Module):
    """``y = f(u_n(... u1(x)) + r)``, with f the nonlinearity where the units end in one: the
    original residual block (He et al., arXiv 1512.03385)."""

    def __init__(self, units: list[ConvUnit], final: nn.Module) -> None:
        super().__init__()
        for number, unit in enumerate(units, start=1):
            self.add_module(f"unit{number}", unit)
        self.num_units = len(units)
        self.final = final

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """See `BasicBranch`."""
        for number in range(1, self.num_units + 1):
            x = self.get_submodule(f"unit{number}")(x)
        return self.final(x + residual)


BRANCHES: dict[str, dict[str, Callable[[list[ConvUnit], nn.Module], nn.Module]]] = {
    "conv": {"basic": BasicBranch, "bottleneck": BottleneckBranch},
    "block": {"basic": SingleShortcutBranch, "bottleneck": SingleShortcutBranch},
}


def make_branch(
    kind: str,
    in_channels: int,
    out_channels: int,
    *,
    stride: int,
    dilation: int,
    entry_dilation: int,
    design: BlockDesign,
    quantization: Quantization,
) -> nn.Module:
    """Make a branch of the `kind` ``basic`` or ``bottleneck``; other arguments as `GroupBlock`'s.

    Raises:
        ConfigError: Unknown kind or shortcut.
    """
    branches = lookup(BRANCHES, design.shortcut, "the shortcut of a block")
    branch_class = lookup(branches, kind, "the kind of a block")
    middle = out_channels // BOTTLENECK_EXPANSION
    # channels out, kernel, stride, dilation
    shapes = {
        "basic": [(out_channels, 3, stride, entry_dilation), (out_channels, 3, 1, dilation)],
        "bottleneck": [
            (middle, 1, 1, 1),
            (middle, 3, stride, entry_dilation),
            (out_channels, 1, 1, 1),
        ],
    }[kind]
    # Where the nonlinearity comes last and the shortcut spans the block, it follows the addition.
    act_after_sum = design.shortcut == "block" and design.order == "conv_norm_act"
    units = []
    for index, (channels, kernel_size, unit_stride, unit_dilation) in enumerate(shapes):
        last = index == len(shapes) - 1
        unit = design.make_unit(
            in_channels,
            channels,
            kernel_size,
            stride=unit_stride,
            dilation=unit_dilation,
            quantization=quantization,
            **({"nonlinearity": "none"} if last and act_after_sum else {}),
        )
        units.append(unit)
        in_channels = channels
    final = design.nonlinearity if act_after_sum else "none"
    return branch_class(units, NONLINEARITIES[final](out_channels))
