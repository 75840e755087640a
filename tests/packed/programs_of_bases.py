"""Programs that run several numbers of bases; see `programs`."""

from collections.abc import Iterator
from dataclasses import replace

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join
from groupnet_det.packed.steps.parts import BitsSink, Sinks

from .program_builder import ProgramBuilder

NUM_BASES = 4
FEWER = (1, 2)
ONE = {"versions": {"torch": "another"}}
INFO = {
    "task": "classification",
    "class_names": list("abcde"),
    "preprocessing": {"kind": "classification", "resize": 20, "crop": 16, "format": "RGB"},
    "fewer_bases": {"1": ONE},
}


def bases_examples() -> Iterator[tuple[str, PackedFile]]:
    whole = bases_example()
    for number in (*FEWER, NUM_BASES):
        yield f"bases-{number}", whole.with_bases(number)
    yield "bases", whole


def bases_example() -> PackedFile:
    """A classifier of four branches and their mean, and a part; the first one or two of the
    branches, with their own thresholds."""
    width = 24
    b = ProgramBuilder(seed=4)
    signs, merged, out = b.bits(width), b.floats(width), b.floats(5)
    b.stem(width, Sinks(bits=(BitsSink(buffer=signs),)))
    branches = [
        Branch(terms=(b.bits_term(signs, width, padding=1),), final=b.batch_norm(width, "relu"))
        for _ in range(NUM_BASES)
    ]
    b.conv(*branches, join=_mean_of(NUM_BASES, merged))
    b.conv(Branch(terms=(b.float_term(merged, 5),), sinks=Sinks(float_=out)))
    b.outputs["logits"] = b.mean(out)
    box = b.part("box", width)
    source, scores = box.bits(width), box.floats(3)
    box.input(Sinks(bits=(BitsSink(buffer=source),)))
    box.conv(Branch(terms=(box.bits_term(source, 3),), sinks=Sinks(float_=scores)))
    box.outputs["scores"] = scores
    packed = b.build()
    stem, conv, *rest = packed.program.steps
    fewer = {}
    for number in FEWER:
        sink = BitsSink(buffer=signs, threshold=b.noise(width))
        first = replace(stem, sinks=Sinks(bits=(sink,)))
        running = replace(conv, branches=conv.branches[:number], join=_mean_of(number, merged))
        fewer[str(number)] = replace(packed.program, steps=(first, running, *rest))
    program = replace(packed.program, num_bases=NUM_BASES, fewer_bases=fewer)
    return PackedFile(program, INFO, b.tensors)


def _mean_of(number: int, merged: int) -> Join:
    return Join(merged=Sinks(float_=merged), branches=(None,) * number)
