"""Packed programs made by hand, which between them use every member of the format.

`example_packed_files` is for tests of every engine: run each on `example_images`.
"""

import dataclasses
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join, Term
from groupnet_det.packed.steps.float_maps import Mean
from groupnet_det.packed.steps.parts import BitsSink, LevelsSink, Map, Pool, Sinks

from .program_builder import ProgramBuilder
from .programs_of_bases import bases_examples
from .programs_of_bytes import bytes_examples
from .programs_of_layouts import (
    canvas_examples,
    depth_to_space_examples,
    max_pool_examples,
    nasty_layouts,
    residual_examples,
    resize_examples,
)
from .programs_of_maps import join_examples, map_examples, sink_examples, term_examples
from .programs_of_parts import part_examples
from .programs_of_shapes import channel_examples, geometry_examples, simple_example, stem_examples

__all__ = ["example_images", "example_maps", "example_packed_files", "simple_example"]


def example_images(
    packed: PackedFile, *, batch: int = 2, height: int = 13, width: int = 17
) -> Tensor:
    """uint8 noise on which each example works; so does any larger size."""
    generator = torch.Generator().manual_seed(1)
    shape = (batch, height, width, packed.program.input_channels)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def example_maps(packed: PackedFile, part: str, *, batch: int = 5, side: int = 6) -> Tensor:
    """float32 noise on which that part works."""
    generator = torch.Generator().manual_seed(2)
    shape = (batch, side, side, packed.program.parts[part].input_channels)
    return torch.randn(shape, generator=generator)


def example_packed_files() -> Iterator[tuple[str, PackedFile]]:
    """(id, packed file) of each example."""
    yield from channel_examples()
    yield from geometry_examples()
    yield from stem_examples()
    yield from map_examples()
    yield from sink_examples()
    yield from term_examples()
    yield from join_examples()
    yield from bases_examples()
    yield from bytes_examples()
    yield from canvas_examples()
    yield from residual_examples()
    yield from resize_examples()
    yield from resize_examples("interpolate")
    yield from max_pool_examples()
    yield from depth_to_space_examples()
    yield from part_examples()
    yield from nasty_layouts()
    yield "nasty", nasty_example()
    yield "tiny-groupnet", group_net_example(groups=2, width=16)
    yield "gated-groupnet", group_net_example(groups=5, width=33)


def nasty_example() -> PackedFile:
    """Infinity, NaN, negative zero and subnormal numbers on their way through all parts."""
    b = ProgramBuilder()
    channels = 24
    special = [math.inf, -math.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-39, 3e38, -3e38, 1.0, -1.0, 1e-30]
    values = torch.tensor(special).repeat(channels)

    def nasty(*shape: int) -> str:
        order = torch.randperm(len(values), generator=b.generator)
        return b.tensor(values[order][: math.prod(shape)].reshape(shape).clone())

    def mild(*shape: int) -> str:
        order = torch.randperm(len(values), generator=b.generator)
        chosen = values[order][: math.prod(shape)].reshape(shape)
        return b.tensor(chosen.where(chosen.abs() < 1e30, torch.ones(())).clone())

    first, signs = b.floats(channels, pad=-(2.0**-149)), b.bits(channels)
    map_ = Map(scale1=mild(channels), shift1=nasty(channels))
    bits = (BitsSink(buffer=signs, threshold=nasty(channels)),)
    b.stem(channels, Sinks(float_=first, bits=bits), map=map_)
    second, levels = b.floats(channels), b.floats(channels)
    full = Map(
        scale1=mild(channels),
        shift1=nasty(channels),
        act="prelu",
        slope=nasty(channels),
        scale2=nasty(channels),
        shift2=mild(channels),
    )
    weight = mild(channels // 3, 1, 1, channels)
    narrow = b.floats(channels // 3)
    term = Term(input=first, weight=weight)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=narrow)))
    thresholds = nasty(3, channels)
    b.tensors[thresholds] = b.tensors[thresholds].sort(0)[0]
    sinks = Sinks(
        float_=second,
        bits=tuple(BitsSink(buffer=b.bits(channels), invert=i) for i in (None, _ones(b, channels))),
        levels=(LevelsSink(buffer=levels, thresholds=thresholds, values=nasty(4, channels)),),
    )
    terms = (b.bits_term(signs, channels, padding=1, map=full),)
    b.conv(Branch(terms=terms, residual=first, final=Map(act="relu"), sinks=sinks))
    mean, mean_of_levels = b.floats(channels), b.floats(channels)
    b.steps.append(Mean(name="mean", input=second, output=mean))
    b.steps.append(Mean(name="mean of levels", input=levels, output=mean_of_levels))
    b.outputs = {"mean": mean, "levels": mean_of_levels, "narrow": narrow}
    return b.build()


def _ones(b: ProgramBuilder, channels: int) -> str:
    return b.tensor(torch.ones(channels, dtype=torch.uint8))


def group_net_example(*, groups: int, width: int) -> PackedFile:
    """Two blocks of a Group-Net with K = `groups` gated branches, the second one smaller."""
    b = ProgramBuilder(seed=groups)
    widths = (width, 2 * width)
    floats = [b.floats(widths[0]) for _ in range(groups)]
    signs = [b.bits(widths[0]) for _ in range(groups)]
    b.stem(
        widths[0],
        Sinks(float_=floats[0], bits=(BitsSink(buffer=signs[0]),)),
        kernel=7,
        stride=2,
        padding=3,
        pool=Pool(kernel=3, stride=2, padding=1),
    )
    inputs, residuals = [signs[0]] * groups, [floats[0]] * groups
    for block, channels in enumerate(widths):
        stride = block + 1
        outs = [b.floats(channels) for _ in range(groups)]
        middle = [b.bits(channels) for _ in range(groups)]
        final = [b.bits(channels) for _ in range(groups)]
        for k in range(groups):
            terms = [b.bits_term(inputs[k], channels, padding=1, stride=stride)]
            terms[0] = dataclasses.replace(terms[0], map=b.batch_norm(channels, "relu"))
            if block:
                terms.append(b.float_term(residuals[k], channels, stride=stride))
            sinks = Sinks(float_=outs[k], bits=(BitsSink(buffer=middle[k]),))
            residual = None if block else residuals[k]
            b.conv(Branch(terms=tuple(terms), residual=residual, sinks=sinks))
        merged = b.floats(channels)
        branches = tuple(
            Branch(
                terms=(
                    b.bits_term(middle[k], channels, padding=1, map=b.batch_norm(channels, "relu")),
                ),
                residual=outs[k],
            )
            for k in range(groups)
        )
        join = Join(
            scales=b.noise(groups),
            gate=b.noise(2),
            merged=Sinks(float_=merged),
            branches=tuple(
                Sinks(float_=outs[k], bits=(BitsSink(buffer=final[k]),)) for k in range(groups)
            ),
        )
        b.conv(*branches, join=join)
        inputs, residuals = final, outs
    b.classifier(merged)
    return b.build()
