"""Programs for channels, geometries and stems; see `programs`."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Term
from groupnet_det.packed.steps.parts import BitsSink, Map, Pool, Sinks

from .program_builder import ProgramBuilder

CHANNELS = (1, 31, 32, 33, 63, 64, 65, 127, 256)


def simple_example(*, channels: int = 32, c_out: int | None = None, seed: int = 0) -> PackedFile:
    """Stem, a convolution of signs with a residual in place, classifier."""
    b = ProgramBuilder(seed=seed)
    signs, residual = b.bits(channels, pad=seed % 2), b.floats(channels)
    b.stem(channels, Sinks(float_=residual, bits=(BitsSink(buffer=signs),)))
    out = b.bits(channels)
    term = b.bits_term(signs, channels, padding=1)
    final = b.batch_norm(channels, "relu")
    sinks = Sinks(float_=residual, bits=(BitsSink(buffer=out, threshold=b.noise(channels)),))
    b.conv(Branch(terms=(term,), residual=residual, final=final, sinks=sinks))
    # Another number of channels, without a residual.
    last = b.floats(c_out or channels)
    term = b.bits_term(out, c_out or channels, 1)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=last)))
    b.classifier(last)
    return b.build()


def channel_examples() -> Iterator[tuple[str, PackedFile]]:
    for index, channels in enumerate(CHANNELS):
        c_out = CHANNELS[-1 - index]
        yield (
            f"channels-{channels}-to-{c_out}",
            simple_example(channels=channels, c_out=c_out, seed=index),
        )


# kernel, stride, padding, dilation; on maps of 13 x 17.
GEOMETRIES = (
    (1, 1, 0, 1),
    (1, 2, 0, 1),
    (1, 1, 2, 1),
    (2, 2, 0, 1),
    (3, 1, 1, 1),
    (3, 2, 1, 1),
    (3, 1, 0, 1),
    (3, 1, 2, 2),
    (3, 2, 4, 4),
    (3, 1, 24, 24),
    (3, 3, 6, 1),
    (5, 2, 2, 1),
    (7, 1, 3, 1),
    ((1, 3), 1, 1, 1),
    ((4, 2), 3, 1, 2),
    (13, 1, 0, 1),
)


def geometry_examples() -> Iterator[tuple[str, PackedFile]]:
    for index, (kernel, stride, padding, dilation) in enumerate(GEOMETRIES):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        shown = kernel if isinstance(kernel, int) else "x".join(map(str, kernel))
        for pad in (0, 1):
            b = ProgramBuilder(seed=index)
            source = b.bits(33, pad=pad)
            b.stem(33, Sinks(bits=(BitsSink(buffer=source),)))
            to_output(b, b.bits_term(source, 18, kernel, **options), 18)
            yield f"bits-k{shown}-s{stride}-p{padding}-d{dilation}-pad{pad}", b.build()
        if isinstance(kernel, int) and kernel < 13:
            b = ProgramBuilder(seed=index)
            source = b.floats(5, pad=-0.3125 * (index % 2))
            b.stem(5, Sinks(float_=source))
            to_output(b, b.float_term(source, 9, kernel, **options), 9)
            yield f"float-k{shown}-s{stride}-p{padding}-d{dilation}", b.build()


def to_output(b: ProgramBuilder, term: Term, channels: int, final: Map | None = None) -> None:
    out = b.floats(channels)
    b.conv(Branch(terms=(term,), final=final or Map(), sinks=Sinks(float_=out)))
    b.outputs["out"] = out


def stem_examples() -> Iterator[tuple[str, PackedFile]]:
    cases: dict[str, dict[str, Any]] = {
        "plain": {},
        "no-map": {"map": Map()},
        "resnet": {
            "kernel": 7,
            "stride": 2,
            "padding": 3,
            "pool": Pool(kernel=3, stride=2, padding=1),
        },
        "pool-2": {"pool": Pool(kernel=2, stride=2, padding=0)},
        "pool-wide": {"pool": Pool(kernel=3, stride=1, padding=2)},
        "pool-steps": {"pool": Pool(kernel=2, stride=3, padding=1)},
        "padding": {"kernel": 3, "padding": 5, "stride": 2},
        "oblong": {"kernel": (2, 5), "padding": 0, "stride": 3},
        "one-pixel": {"kernel": 1, "padding": 0},
    }
    for index, (name, options) in enumerate(cases.items()):
        for image, channels in ((1, 31), (3, 64), (4, 17)):
            b = ProgramBuilder(input_channels=image, seed=index)
            out, bits = b.floats(channels), b.bits(channels)
            b.stem(channels, Sinks(float_=out, bits=(BitsSink(buffer=bits),)), **options)
            b.outputs["out"] = out
            yield f"stem-{name}-{image}-to-{channels}", b.build()
    b = ProgramBuilder()
    scale, shift = b.tensor(torch.full((40,), 1e-4)), b.noise(40)
    out = b.floats(40)
    map_ = dataclasses.replace(b.batch_norm(40, "prelu"), scale1=scale, shift1=shift)
    b.stem(40, Sinks(float_=out), map=map_)
    b.outputs["out"] = out
    yield "stem-prelu", b.build()
    b = ProgramBuilder(input_channels=1)  # the largest sums: the rounding to float32 matters
    out = b.floats(16)
    b.stem(16, Sinks(float_=out), kernel=5, padding=2, map=Map())
    b.tensors["t0"].random_(-32768, 32767, generator=b.generator)
    b.outputs["out"] = out
    yield "stem-large-sums", b.build()
