"""A `GroupBlock` as convolution steps: one for the first units of all branches, and so on.

The last step of a block carries the join: the merged value, and the gates of the block after.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.folding import Chain
from groupnet_det.exporting.packed.builder.step_builders import BranchBuilder, ConvBuilder
from groupnet_det.exporting.packed.layers.conv_layers import export_gate
from groupnet_det.exporting.packed.layers.conv_terms import unit_terms
from groupnet_det.exporting.packed.layers.exporter import Exporter
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.layers.blocks.residual_branch import (
    BasicBranch,
    BottleneckBranch,
    SingleShortcutBranch,
)
from groupnet_det.layers.blocks.soft_gate import BranchInput, MergedInput, SoftGate
from groupnet_det.layers.convs.base_merge import AliasedMeanMerge, ScaledMerge
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.packed.steps.conv import MAX_TERMS

# What is added to a unit's output: nothing, its own input, or the block's shortcut.
NOTHING, OWN_INPUT, BLOCK = "nothing", "own input", "block"


def _of_bottleneck(branch: Any) -> list[str]:
    # The training model compares the maps themselves, which differs for maps of one pixel: there a
    # stride changes nothing, and it adds. No image is that small.
    same_size = branch.unit2.conv.stride[0] == 1
    return [NOTHING, OWN_INPUT if same_size else NOTHING, BLOCK]


def _of_single(branch: Any) -> list[str]:
    return [NOTHING] * (branch.num_units - 1) + [BLOCK]


SHORTCUTS: dict[type, Callable[[Any], list[str]]] = {
    BasicBranch: lambda branch: [BLOCK, OWN_INPUT],
    BottleneckBranch: _of_bottleneck,
    SingleShortcutBranch: _of_single,
}


@dataclass
class BlockMaps:
    """Places of the maps of a block, for ``info``.

    Attributes:
        first: Step of the first units; that of the last ones is `State.step`.
        inputs: x_k.
        units: Inputs of the units after the first, by path below the block.
    """

    first: ConvBuilder
    last: ConvBuilder
    inputs: list[FeatureMap]
    units: dict[str, FeatureMap] = field(default_factory=dict)


class State:
    """The maps that a block hands to the next: m and the b_k."""

    def __init__(self, merged: Callable[[], FeatureMap], branches: list[FeatureMap]) -> None:
        self.merged, self.branches = merged, branches
        self.join: ConvBuilder | None = None  # where m and the b_k meet
        self.aliased = False

    def connect(self, connection: nn.Module, name: str, exporter: Exporter, number: int) -> Any:
        """The x_k of the block that has this `connection`.

        Raises:
            ConfigError: Unknown connection.
        """
        if isinstance(connection, MergedInput):
            return [self.merged()] * number
        if isinstance(connection, BranchInput):
            self._use_alias()
            return self.branches
        if not isinstance(connection, SoftGate):
            raise ConfigError(f"{name}: the connection {type(connection).__name__} is unknown")
        if self.join is not None:  # one branch is its own merged value: nothing to mix
            self._use_alias()
            self.join.gate = export_gate(exporter, connection, name)
        return self.branches

    def _use_alias(self) -> None:
        if self.join is not None:
            self.join.alias = self.aliased


def export_block(exporter: Exporter, block: GroupBlock, before: State) -> tuple[State, BlockMaps]:
    """Append the steps of `block`.

    Raises:
        ConfigError: No program can compute this block.
    """
    name, branches = exporter.name(block), list(block.branches)
    shortcuts = [_shortcuts(branch, name) for branch in branches]
    inputs = before.connect(block.connect, name, exporter, len(branches))
    x, steps, units = inputs, [], {}
    for index in range(len(shortcuts[0])):
        unit_name = f"unit{index + 1}"
        modules: list[ConvUnit] = [branch.get_submodule(unit_name) for branch in branches]  # type: ignore[misc]
        channels = modules[0].conv.out_channels // modules[0].num_bases
        step = exporter.builder.conv(
            f"{name}.{unit_name}", num_branches=len(branches), channels=channels
        )
        for k, part in enumerate(step.branches):
            shortcut = shortcuts[k][index]
            alone = part if shortcut == NOTHING else None
            room = MAX_TERMS - (_num_bases(block.downsample) if shortcut == BLOCK else 0)
            part.terms = unit_terms(exporter, modules[k], x[k], room, alone=alone)
            if shortcut == OWN_INPUT:
                part.residual = x[k].as_float()
            elif shortcut == BLOCK:
                _add_shortcut(exporter, part, block.downsample, inputs[k])
            if index:
                units[f"branches.{k}.{unit_name}"] = x[k]
        x = [part.out for part in step.branches]
        steps.append(step)
    for branch, part in zip(branches, steps[-1].branches, strict=True):
        _add_final(exporter, branch, part)
    maps = BlockMaps(first=steps[0], last=steps[-1], inputs=inputs, units=units)
    return _state_after(exporter, block, before, steps[-1]), maps


def _shortcuts(branch: nn.Module, name: str) -> list[str]:
    if type(branch) not in SHORTCUTS:
        raise ConfigError(f"{name}: a branch of the type {type(branch).__name__} is unknown")
    return SHORTCUTS[type(branch)](branch)


def _num_bases(downsample: nn.Module) -> int:
    """Terms that a shortcut needs at least: as many as bases, where they are floats."""
    return downsample.num_bases if isinstance(downsample, ConvUnit) else 0


def _add_shortcut(
    exporter: Exporter, part: BranchBuilder, downsample: nn.Module, x: FeatureMap
) -> None:
    if isinstance(downsample, ConvUnit):
        part.terms += unit_terms(exporter, downsample, x, room=MAX_TERMS - len(part.terms))
    else:
        part.residual = x.as_float()


def _add_final(exporter: Exporter, branch: nn.Module, part: BranchBuilder) -> None:
    """The nonlinearity after the sum, in the original residual block."""
    if isinstance(branch, SingleShortcutBranch):
        chain = Chain.identity(part.out.channels).then_act(branch.final)
        name = f"{exporter.name(branch)}.final"
        part.final = exporter.builder.map(name, chain.values())


def _state_after(exporter: Exporter, block: GroupBlock, before: State, last: ConvBuilder) -> State:
    outputs = [part.out for part in last.branches]
    merge = block.merge
    if merge is None:
        return State(before.merged, outputs)
    if len(outputs) == 1 and not isinstance(merge, ScaledMerge):
        return State(lambda: outputs[0], outputs)
    if isinstance(merge, ScaledMerge):
        scales = merge.scales.detach().float()
        last.scales = exporter.builder.tensor(f"{exporter.name(block)}.merge.scales", scales)
    state = State(lambda: last.merged, outputs)
    state.join, state.aliased = last, isinstance(merge, AliasedMeanMerge)
    return state
