"""Programs for canvases, resizing, pooling, layouts, residuals of other sizes; see `programs`."""

import dataclasses
import math
from collections.abc import Iterator

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Join
from groupnet_det.packed.steps.parts import BitsSink, Map, Pool, Sinks

from .program_builder import ProgramBuilder

RESIDUAL_FACTORS = (0, 1, 2, 3, 5)
FACTORS = (1, 2, 3, 4, 8, 16)
# kernel, stride, padding; of maps of 13 x 17.
POOLS = ((1, 2, 0), (2, 2, 0), (3, 1, 1), (3, 2, 1), (3, 1, 2), (2, 3, 1), (5, 4, 4), (13, 1, 6))


def canvas_examples() -> Iterator[tuple[str, PackedFile]]:
    cases = {
        "plain": {},
        "no-padding": {"kernel": 2, "stride": 2, "padding": 0},
        "resnet": {
            "kernel": 7,
            "stride": 2,
            "padding": 3,
            "pool": Pool(kernel=3, stride=2, padding=1),
        },
        "pool-wide": {"pool": Pool(kernel=3, stride=1, padding=2)},
    }
    for name, options in cases.items():
        for divisor in (2, 7, 32):
            b = ProgramBuilder(seed=divisor, size_divisor=divisor)
            out, bits = b.floats(18), b.bits(18, pad=1)
            b.stem(18, Sinks(float_=out, bits=(BitsSink(buffer=bits),)), **options)
            other = b.floats(5)
            b.conv(Branch(terms=(b.bits_term(bits, 5, padding=1),), sinks=Sinks(float_=other)))
            b.outputs = {"out": out, "signs": other}
            yield f"canvas-{divisor}-{name}", b.build()


def resize_examples(op: str = "resize") -> Iterator[tuple[str, PackedFile]]:
    """Of ``resize`` or ``interpolate``."""
    for channels, factor in zip((1, 3, 16, 17, 33, 21), FACTORS, strict=True):
        for like in (False, True):
            b = ProgramBuilder(seed=factor, size_divisor=1 if like else 4)
            full, small = b.bits(1), b.floats(channels)
            b.stem(1, Sinks(bits=(BitsSink(buffer=full),)))
            b.stem(channels, Sinks(float_=small), kernel=1, padding=0, stride=factor)
            b.outputs["out"] = getattr(b, op)(small, factor, full if like else None)
            yield f"{op}-{factor}-{channels}{'-like' if like else ''}", b.build()


def max_pool_examples() -> Iterator[tuple[str, PackedFile]]:
    for index, (kernel, stride, padding) in enumerate(POOLS):
        b = ProgramBuilder(seed=index)
        source = b.floats(5 + 7 * index)
        b.stem(5 + 7 * index, Sinks(float_=source))
        b.outputs["out"] = b.max_pool(source, kernel, stride, padding)
        yield f"max-pool-k{kernel}-s{stride}-p{padding}", b.build()


def depth_to_space_examples() -> Iterator[tuple[str, PackedFile]]:
    for factor in (1, 2, 3):
        for channels in (1, 6, 16, 17):
            b = ProgramBuilder(seed=factor)
            source = b.floats(channels * factor**2)
            b.stem(channels * factor**2, Sinks(float_=source))
            b.outputs["out"] = b.depth_to_space(source, factor)
            yield f"depth-to-space-{factor}-{channels}", b.build()


def residual_examples() -> Iterator[tuple[str, PackedFile]]:
    for factor in RESIDUAL_FACTORS:
        for joined in (False, True):
            b = ProgramBuilder(seed=factor)
            signs, coarse = b.bits(40), b.floats(22)
            b.stem(40, Sinks(bits=(BitsSink(buffer=signs),)))
            b.stem(22, Sinks(float_=coarse), kernel=1, padding=0, stride=factor or 1)
            coarse = coarse if factor else b.mean(coarse)
            branches = [
                Branch(
                    terms=(b.bits_term(signs, 22, padding=1, map=b.batch_norm(22)),),
                    residual=None if joined and k == 1 else coarse,
                    residual_factor=1 if joined and k == 1 else factor,
                    final=b.map(22, ["scale1", "shift2"], "relu"),
                )
                for k in range(3 if joined else 1)
            ]
            out, bits, numbers = b.floats(22), b.bits(22), b.bytes(22, 30)
            bits_sinks, bytes_sinks = (BitsSink(buffer=bits),), (b.bytes_sink(numbers, 3.0),)
            sinks = Sinks(float_=out, bits=bits_sinks, bytes=bytes_sinks)
            if joined:
                b.conv(*branches, join=Join(merged=sinks))
            else:
                b.conv(dataclasses.replace(branches[0], sinks=sinks))
            b.outputs["out"] = out
            yield f"residual-{factor}{'-joined' if joined else ''}", b.build()


def nasty_layouts() -> Iterator[tuple[str, PackedFile]]:
    """Infinity, NaN and zeros of both signs, resized, pooled, added, in bytes."""
    b = ProgramBuilder()
    special = torch.tensor([math.inf, -math.inf, 0.0, -0.0, 1e-45, 1e33, -1e33, 1.0])
    channels = 24
    source, signs = b.floats(channels), b.bits(channels)
    scales = special.repeat(channels // 8)
    # Infinity less infinity is NaN; zeros keep their signs; about half of the sums times 1e33 is
    # too large, so that finite numbers and infinite ones are next to each other.
    shift = b.tensor(torch.where(scales == math.inf, -math.inf, -0.0))
    map_ = Map(scale1=b.tensor(scales), shift1=shift)
    b.stem(channels, Sinks(float_=source, bits=(BitsSink(buffer=signs),)), map=map_)
    pooled = b.max_pool(source, 3, 2, 1)
    resized = b.resize(pooled, 2, source)
    by_centers = b.interpolate(pooled, 2, source)
    whole = b.resize(source, 1)
    spread = b.depth_to_space(whole, 2)
    out, numbers = b.floats(channels), b.bytes(channels, 77)
    branch = Branch(
        terms=(b.bits_term(signs, channels, padding=1),),
        residual=pooled,
        residual_factor=2,
        sinks=Sinks(float_=out, bytes=(b.bytes_sink(numbers, 0.5),)),
    )
    b.conv(branch)
    b.outputs = {"resized": resized, "whole": whole, "spread": spread, "out": out}
    b.outputs["by_centers"] = by_centers
    yield "nasty-layouts", b.build()
