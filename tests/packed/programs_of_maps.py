"""Programs for maps, sinks, terms and joins; see `programs`."""

import itertools
import math
from collections.abc import Iterator

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join
from groupnet_det.packed.steps.parts import BitsSink, LevelsSink, Map, Sinks

from .program_builder import ProgramBuilder
from .programs_of_shapes import to_output

MEMBERS = (
    (),
    ("scale1",),
    ("shift1",),
    ("scale1", "shift1"),
    ("scale2",),
    ("shift2",),
    ("scale2", "shift2"),
    ("scale1", "shift1", "scale2", "shift2"),
)


def map_examples() -> Iterator[tuple[str, PackedFile]]:
    for act in ("none", "relu", "prelu"):
        for index, members in enumerate(MEMBERS):
            name = "-".join((act, *members))
            b = ProgramBuilder(seed=index)
            signs, floats = b.bits(40), b.floats(40)
            b.stem(40, Sinks(float_=floats, bits=(BitsSink(buffer=signs),)))
            out = b.floats(21)
            of_bits = b.bits_term(signs, 21, padding=1, map=b.map(21, members, act))
            of_floats = b.float_term(floats, 21, map=b.map(21, members, act))
            final, sinks = b.map(21, members, act), Sinks(float_=out)
            b.conv(Branch(terms=(of_bits, of_floats), final=final, sinks=sinks))
            b.outputs["out"] = out
            yield f"map-{name}", b.build()


def sink_examples() -> Iterator[tuple[str, PackedFile]]:
    for channels in (1, 31, 33, 64):
        b = ProgramBuilder(seed=channels)
        source = b.bits(channels, pad=1)
        b.stem(channels, Sinks(bits=(BitsSink(buffer=source),)))
        # Whole sums, thresholds among them: ties are met, so >= differs from >.
        threshold = b.integers(-3, 3, channels, dtype=torch.int32)
        b.tensors[threshold] = b.tensors[threshold] * 2.0 + channels % 2
        invert = b.integers(0, 1, channels, dtype=torch.uint8)
        never = b.tensor(torch.full((channels,), math.inf))
        always = b.tensor(torch.full((channels,), -math.inf))
        options = ({}, {"threshold": threshold}, {"invert": invert})
        options += ({"threshold": threshold, "invert": invert},)
        options += ({"threshold": never}, {"threshold": always, "invert": invert})
        bits = tuple(
            BitsSink(buffer=b.bits(channels, pad=i % 2), **o) for i, o in enumerate(options)
        )
        levels = tuple(
            LevelsSink(
                buffer=b.floats(channels),
                thresholds=b.tensor(
                    torch.randn(n, channels, generator=b.generator).mul(8).round().sort(0)[0]
                ),
                values=b.noise(n + 1, channels),
            )
            for n in (1, 3, 15)
        )
        terms = (b.bits_term(source, channels, padding=1),)
        b.conv(Branch(terms=terms, sinks=Sinks(bits=bits, levels=levels)))
        terms = tuple(b.float_term(s.buffer, channels) for s in levels)
        terms += tuple(b.bits_term(s.buffer, channels, padding=1) for s in bits)
        out = b.floats(channels)
        b.conv(Branch(terms=terms, sinks=Sinks(float_=out)))
        b.outputs["out"] = out
        yield f"sinks-{channels}", b.build()


def term_examples() -> Iterator[tuple[str, PackedFile]]:
    b = ProgramBuilder()
    signs, wide, floats = b.bits(65, pad=1), b.bits(12), b.floats(12, pad=0.5)
    b.stem(65, Sinks(bits=(BitsSink(buffer=signs),)))
    b.stem(12, Sinks(float_=floats, bits=(BitsSink(buffer=wide),)))
    maps = [b.batch_norm(48, act) for act in ("relu", "none", "prelu", "relu")]
    terms = (
        b.bits_term(signs, 48, 3, padding=1, stride=2, map=maps[0]),
        b.float_term(floats, 48, 1, stride=2, map=maps[1]),
        b.bits_term(wide, 48, 5, padding=2, stride=2, map=maps[2]),
        b.bits_term(signs, 48, 3, padding=3, dilation=3, stride=2, map=maps[3]),
    )
    residual, out, bits = b.floats(48), b.floats(48), b.bits(48)
    b.conv(Branch(terms=terms, sinks=Sinks(float_=residual)))
    sinks = Sinks(float_=out, bits=(BitsSink(buffer=bits),))
    b.conv(Branch(terms=terms, residual=residual, final=b.batch_norm(48, "relu"), sinks=sinks))
    b.classifier(out)
    b.outputs["features"] = residual
    yield "terms-mixed", b.build()
    # {0, 1} activations as bits of 2 a - 1: an offset, and a scale of 1/2; padded with 0.
    for channels in (31, 64):
        b = ProgramBuilder(seed=channels)
        source = b.bits(channels, pad=1)
        b.stem(channels, Sinks(bits=(BitsSink(buffer=source, threshold=b.noise(channels)),)))
        offset = b.integers(-99, 700, 24, dtype=torch.int32)
        half = b.tensor(torch.full((24,), 0.5))
        term = b.bits_term(source, 24, padding=1, offset=offset, map=Map(scale1=half))
        to_output(b, term, 24, b.batch_norm(24))
        yield f"offset-{channels}", b.build()
    # A residual and several branches, without a join.
    b = ProgramBuilder()
    signs, floats = b.bits(32), b.floats(20)
    b.stem(32, Sinks(bits=(BitsSink(buffer=signs),)))
    b.stem(20, Sinks(float_=floats))
    outs = [b.floats(20) for _ in range(3)]
    b.conv(
        *(
            Branch(
                terms=(b.bits_term(signs, 20, padding=1),),
                residual=floats if k != 1 else None,
                final=b.batch_norm(20, "relu"),
                sinks=Sinks(float_=out, bits=(BitsSink(buffer=b.bits(20)),)),
            )
            for k, out in enumerate(outs)
        )
    )
    b.outputs = {f"out{k}": out for k, out in enumerate(outs)}
    yield "branches-apart", b.build()


def join_examples() -> Iterator[tuple[str, PackedFile]]:
    options = ("scales", "alias", "gate")
    for number in (1, 2, 3, 5):
        for chosen in itertools.product((False, True), repeat=3):
            name = "-".join((f"join-{number}", *itertools.compress(options, chosen)))
            yield name, _join_example(number, **dict(zip(options, chosen, strict=True)))


def _join_example(number: int, *, scales: bool, alias: bool, gate: bool) -> PackedFile:
    b = ProgramBuilder(seed=number)
    sources = [b.bits(33, pad=k % 2) for k in range(number)]
    residuals = [b.floats(19) for _ in range(number)]
    thresholds = [b.noise(33) for _ in sources]
    bits = tuple(BitsSink(buffer=s, threshold=t) for s, t in zip(sources, thresholds, strict=True))
    b.stem(33, Sinks(bits=bits), stride=2)
    for residual in residuals:
        b.stem(19, Sinks(float_=residual), stride=2)
    merged, bits_of_merged = b.floats(19), b.bits(19)
    after = [b.bits(19, pad=1) for _ in range(number)]
    branches = tuple(
        Branch(
            terms=(b.bits_term(source, 19, padding=1),),
            residual=residual,
            final=b.batch_norm(19, "relu"),
        )
        for source, residual in zip(sources, residuals, strict=True)
    )
    join = Join(
        scales=b.noise(number) if scales else None,
        alias=alias,
        gate=b.noise(2) if gate else None,
        merged=Sinks(float_=merged, bits=(BitsSink(buffer=bits_of_merged, threshold=b.noise(19)),)),
        # In place; the second branch ends here, but in the merged value.
        branches=tuple(
            None if k == 1 else Sinks(float_=residual, bits=(BitsSink(buffer=after[k]),))
            for k, residual in enumerate(residuals)
        ),
    )
    b.conv(*branches, join=join)
    b.outputs = {"merged": merged}
    b.outputs.update({f"x{k}": r for k, r in enumerate(residuals)})
    return b.build()
