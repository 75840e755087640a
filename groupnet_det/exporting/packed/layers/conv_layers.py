"""A `ConvUnit` or a `BranchedUnit` as one step: the layers of pyramids and towers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.builder.feature_maps import FeatureMap
from groupnet_det.exporting.packed.builder.step_builders import ConvBuilder
from groupnet_det.layers.blocks.branched_unit import BranchedUnit
from groupnet_det.layers.blocks.soft_gate import SoftGate
from groupnet_det.layers.convs.conv_unit import ConvUnit

from .conv_terms import unit_terms
from .exporter import Exporter


def export_layer(
    exporter: Exporter,
    layer: nn.Module,
    inputs: Sequence[FeatureMap],
    *,
    name: str,
    level: int = 0,
    input_norm: nn.Module | None = None,
    order: Tensor | None = None,
    alone: bool = False,
) -> ConvBuilder:
    """Append the step of a layer.

    Args:
        exporter: Exporter of the program.
        layer: A `ConvUnit` or a `BranchedUnit`.
        inputs: x_k of each branch, after its gate; or one for all.
        name: Name of the step.
        level, input_norm, order: See `conv_terms.unit_terms`.
        alone: Whether nothing will be added to its output.

    Raises:
        ConfigError: It is another kind of layer, or no program can compute it.
    """
    units = units_of(layer, name)
    inputs = list(inputs) * (len(units) if len(inputs) == 1 else 1)
    channels = units[0].conv.out_channels // units[0].num_bases
    step = exporter.builder.conv(name, num_branches=len(units), channels=channels)
    for part, unit, x in zip(step.branches, units, inputs, strict=True):
        part.terms = unit_terms(
            exporter,
            unit,
            x,
            level=level,
            input_norm=input_norm,
            order=order,
            alone=part if alone and not unit.shortcut else None,
        )
        if unit.shortcut:
            part.residual = x.as_float()
    return step


def units_of(layer: nn.Module, name: str) -> list[ConvUnit]:
    """The units side by side of which a layer is made.

    Raises:
        ConfigError: It is another kind of layer.
    """
    units = list(layer.branches) if isinstance(layer, BranchedUnit) else [layer]
    if not all(isinstance(unit, ConvUnit) for unit in units):
        raise ConfigError(f"{name}: a layer of the type {type(layer).__name__} cannot be exported")
    return units  # type: ignore[return-value]


def is_gated(layer: nn.Module, num_inputs: int) -> bool:
    """Whether its branches exchange what they know before."""
    return isinstance(layer, BranchedUnit) and layer.connect is not None and num_inputs > 1


def export_gate(exporter: Exporter, connection: SoftGate, name: str) -> str:
    """The tensor with which the join in front of the module `name` mixes: the shares of the
    branches' own values, then those of the merged one."""
    share = torch.sigmoid(connection.gate.detach().float())
    return exporter.builder.tensor(f"{name}.connect.gate", torch.cat([share, 1 - share]))


def connect(exporter: Exporter, layer: nn.Module, before: ConvBuilder) -> list[FeatureMap]:
    """The inputs of the branches of `layer` from the step before, to which a gate adds a join."""
    if is_gated(layer, len(before.branches)):
        assert isinstance(layer, BranchedUnit)
        assert layer.connect is not None
        before.gate = export_gate(exporter, layer.connect, exporter.name(layer))
    return [branch.out for branch in before.branches]


def export_chain(
    exporter: Exporter,
    chain: Sequence[nn.Module],
    feature: FeatureMap,
    *,
    suffix: str = "",
    level: int = 0,
    input_norm: nn.Module | None = None,
    last_order: Tensor | None = None,
) -> FeatureMap:
    """Append the layers of a tower, one after the other; the map where its branches meet.

    Args:
        exporter: Exporter of the program.
        chain: The layers; none at all leaves `feature` as it is.
        feature: The input of the first.
        suffix: Added to the names of the steps, such as ``.p3``.
        level: See `conv_terms.unit_terms`.
        input_norm: In front of the first.
        last_order: Order of the output channels of the last layer.

    Raises:
        ConfigError: No program can compute this.
    """
    step: ConvBuilder | None = None
    for index, layer in enumerate(chain):
        inputs = [feature] if step is None else connect(exporter, layer, step)
        step = export_layer(
            exporter,
            layer,
            inputs,
            name=exporter.name(layer) + suffix,
            level=level,
            input_norm=None if index else input_norm,
            order=last_order if index == len(chain) - 1 else None,
            alone=True,
        )
    return feature if step is None else step.joined()
