"""Programs for buffers of bytes: their sinks, and convolutions of 8 bits; see `programs`."""

import math
from collections.abc import Iterator

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join
from groupnet_det.packed.steps.parts import BitsSink, Map, Sinks

from .program_builder import ProgramBuilder
from .programs_of_shapes import GEOMETRIES, to_output

# Input channels, output channels, zero.
WIDTHS = (
    *((1, 1, 0), (3, 17, 255), (4, 16, 128), (5, 33, 1), (31, 9, 0), (33, 15, 254)),
    *((63, 31, 100), (64, 64, 0), (130, 47, 127)),
)


def bytes_examples() -> Iterator[tuple[str, PackedFile]]:
    for index, (channels, c_out, zero) in enumerate(WIDTHS):
        b = ProgramBuilder(seed=index)
        term = b.bytes_term(bytes_of_stem(b, channels, zero), c_out, 1 + 2 * (index % 2), padding=1)
        to_output(b, term, c_out)
        yield f"bytes-{channels}-to-{c_out}-zero{zero}", b.build()
    for index, (kernel, stride, padding, dilation) in enumerate(GEOMETRIES):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        shown = kernel if isinstance(kernel, int) else "x".join(map(str, kernel))
        b = ProgramBuilder(seed=index)
        source = bytes_of_stem(b, 6 + index, index * 17)
        to_output(b, b.bytes_term(source, 19, kernel, **options), 19)
        yield f"bytes-k{shown}-s{stride}-p{padding}-d{dilation}", b.build()
    yield "bytes-largest-sums", _largest_sums()
    yield "bytes-and-others", _mixed()
    for channels in (1, 31, 33, 64):
        yield f"bytes-sinks-{channels}", _sinks(channels)


def bytes_of_stem(b: ProgramBuilder, channels: int, zero: int = 0, scale: float = 30.0) -> int:
    """A buffer of bytes that a stem writes; many are 0 and 255."""
    source = b.bytes(channels, zero)
    b.stem(channels, Sinks(bytes=(b.bytes_sink(source, scale),)))
    return source


def _largest_sums() -> PackedFile:
    """More than float32 holds exactly, and up to the limit of 32 bits, with both signs."""
    b = ProgramBuilder()
    source, channels = b.bytes(4096, 0), 4096
    shift = b.tensor(torch.full((channels,), 255.0))
    b.stem(channels, Sinks(bytes=(b.bytes_sink(source, 1.0),)), map=Map(shift1=shift))
    b.tensors["t1"].fill_(0)  # each byte is 255
    term = b.bytes_term(source, 3, (13, 4), stride=20)
    weight = b.tensors[term.weight]
    weight[0], weight[1] = -39, 39
    weight[2] = torch.randint(-30, 71, weight.shape[1:], generator=b.generator)
    to_output(b, term, 3)
    return b.build()


def _mixed() -> PackedFile:
    """Terms of all kinds in one sum, a residual, sinks of all kinds, a join."""
    b = ProgramBuilder()
    signs, floats, numbers = b.bits(33, pad=1), b.floats(33, pad=0.5), b.bytes(33, 9)
    bits = (BitsSink(buffer=signs),)
    b.stem(33, Sinks(float_=floats, bits=bits, bytes=(b.bytes_sink(numbers, 12.5),)))
    small = [Map(scale1=b.noise(20, scale=1e-3)) for _ in range(2)]
    branches = tuple(
        Branch(
            terms=(
                b.bits_term(signs, 20, padding=1),
                b.bytes_term(numbers, 20, 3, padding=1, map=small[k]),
                b.float_term(floats, 20, map=b.batch_norm(20)),
            ),
            final=b.batch_norm(20, "relu"),
        )
        for k in range(2)
    )
    merged, after = b.floats(20), [b.bytes(20, k) for k in range(3)]
    sinks = [Sinks(bytes=(b.bytes_sink(after[k], 3.0 + k),)) for k in range(3)]
    whole = Sinks(float_=merged, bytes=sinks[2].bytes)
    b.conv(*branches, join=Join(gate=b.noise(2), merged=whole, branches=tuple(sinks[:2])))
    terms = tuple(b.bytes_term(a, 7, 3, padding=1, stride=2) for a in after)
    out = b.floats(7)
    b.conv(Branch(terms=terms, sinks=Sinks(float_=out)))
    b.outputs = {"merged": merged, "out": out}
    return b.build()


def _sinks(channels: int) -> PackedFile:
    """Ties, numbers that are too large, infinity, NaN, negative zero."""
    b = ProgramBuilder(seed=channels)
    source = b.bits(channels)
    b.stem(channels, Sinks(bits=(BitsSink(buffer=source),)))
    special = torch.tensor([0.0, math.inf, -math.inf, -0.0, 1e30, -1e30, 0.25, -0.25])
    shifts = [None, b.tensor(special.repeat(channels)[:channels].clone())]
    outs = []
    for shift in shifts:
        # Whole sums times 0.5 are ties; with 1 / 512 and 3e38, nothing and all is too large.
        scales = (0.5, 0.25, 1.0, 1 / 512, 3e38, 1e-45)
        outs += [b.bytes(channels, z) for z in (0, 128, 255, 3, 7, 0)]
        sinks = tuple(b.bytes_sink(o, s) for o, s in zip(outs[-6:], scales, strict=True))
        floats = b.floats(channels)
        term = b.bits_term(source, channels, padding=1)
        scale2 = shift and b.tensor(special.roll(1).repeat(channels)[:channels].clone())
        final = Map(shift1=shift, scale2=scale2)  # infinity times zero is NaN
        b.conv(Branch(terms=(term,), final=final, sinks=Sinks(float_=floats, bytes=sinks)))
    out = b.floats(5)
    b.conv(Branch(terms=tuple(b.bytes_term(o, 5) for o in outs), sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    return b.build()
