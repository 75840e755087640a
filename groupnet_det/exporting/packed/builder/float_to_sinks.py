"""Steps from a buffer of floats to all that later layers read of it: bits, levels, bytes, gates.

Only stems, inputs and convolutions have sinks. What another step has written (a mean, an
upsampling) goes through a convolution that adds 0 to it: one of a map with a single channel, which
is 0 everywhere, and so costs next to nothing.
"""

from collections.abc import Sequence

import torch

from groupnet_det.packed.steps.conv import Term
from groupnet_det.packed.steps.parts import Map

from .feature_maps import FeatureMap, StoredMap
from .program_builder import ProgramBuilder
from .step_builders import ConvBuilder


def pass_on(
    builder: ProgramBuilder, name: str, buffers: Sequence[int], final: Map | None = None
) -> ConvBuilder:
    """Append a step whose branches have the values of `buffers`.

    It is left out of the program where nothing is read of it.

    Args:
        builder: Builder of the program.
        name: Name of the step.
        buffers: A buffer of floats for each branch, all with the same channels.
        final: What the values go through.
    """
    channels = builder.buffers[buffers[0]].channels
    nothing = builder.conv(f"{name}.zero", num_branches=1, channels=1)
    weight = builder.tensor("zeros.in", torch.zeros(1, 1, 1, channels))
    nothing.branches[0].terms.append(Term(input=buffers[0], weight=weight))
    zero = nothing.branches[0].out.as_float()
    step = builder.conv(name, num_branches=len(buffers), channels=channels)
    weight = builder.tensor("zeros.out", torch.zeros(channels, 1, 1, 1))
    for branch, buffer in zip(step.branches, buffers, strict=True):
        branch.terms.append(Term(input=zero, weight=weight))
        branch.residual = buffer
        branch.final = final or Map()
    builder.on_demand.append((nothing, step))
    return step


def stored(builder: ProgramBuilder, name: str, buffer: int) -> FeatureMap:
    """The map in a buffer of floats."""
    step = pass_on(builder, name, [buffer])
    return StoredMap(builder, buffer, step.branches[0].out)
