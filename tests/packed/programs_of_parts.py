"""Programs with parts, and small detectors and segmenters; see `programs`."""

from collections.abc import Iterator

import torch

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch, Term
from groupnet_det.packed.steps.parts import BitsSink, LevelsSink, Map, Pool, Sinks

from .program_builder import ProgramBuilder

LEVELS = 3


def part_examples() -> Iterator[tuple[str, PackedFile]]:
    for channels in (1, 16, 33):
        yield f"part-sinks-{channels}", _sinks_of_inputs(channels)
    yield "tiny-pyramid", pyramid_example()
    yield "tiny-segmenter", segmenter_example()


def _sinks_of_inputs(channels: int) -> PackedFile:
    """What an `input` does: maps, and sinks of all kinds."""
    b = ProgramBuilder(seed=channels)
    image = b.floats(2)
    b.stem(2, Sinks(float_=image))
    b.outputs["image"] = image
    for act in ("none", "relu", "prelu"):
        part = b.part(act, channels)
        floats, signs, numbers = part.floats(channels), part.bits(channels), part.bytes(channels, 8)
        levels = LevelsSink(
            buffer=part.floats(channels),
            thresholds=part.tensor(torch.randn(3, channels, generator=b.generator).sort(0)[0]),
            values=part.noise(4, channels),
        )
        map_ = Map() if act == "none" else part.map(channels, ["scale1", "shift1", "scale2"], act)
        sinks = Sinks(
            float_=floats,
            bits=(BitsSink(buffer=signs),),
            levels=(levels,),
            bytes=(part.bytes_sink(numbers, 20.0),),
        )
        part.input(sinks, map_)
        out = part.floats(11)
        terms = (part.bits_term(signs, 11), part.bytes_term(numbers, 11, 3))
        part.conv(Branch(terms=(*terms, part.float_term(floats, 11, 3)), sinks=Sinks(float_=out)))
        part.outputs = {"same": floats, "levels": levels.buffer, "out": out}
    return b.build()


def pyramid_example() -> PackedFile:
    """A backbone of signs, a pyramid, towers of signs, predictors of 8 bits, heads of regions."""
    width = 24
    b = ProgramBuilder(size_divisor=8)
    signs, maps = b.bits(width), []
    pool = Pool(kernel=3, stride=2, padding=1)
    b.stem(width, Sinks(bits=(BitsSink(buffer=signs),)), kernel=7, stride=2, padding=3, pool=pool)
    for level in range(LEVELS):
        out, next_signs = b.floats(width), b.bits(width)
        sinks = Sinks(float_=out, bits=(BitsSink(buffer=next_signs),))
        term = b.bits_term(signs, width, padding=1, stride=1 + (level > 0))
        b.conv(Branch(terms=(term,), final=b.batch_norm(width), sinks=sinks))
        maps.append(out)
        signs = next_signs
    # Weights that all levels share; the coarsest level first.
    lateral, tower = b.noise(width, 1, 1, width), b.signs(width, width, 3)
    predictor = b.integers(-128, 127, 9, 3, 3, width, dtype=torch.int8)
    above = None
    for level in reversed(range(LEVELS)):
        source, added = maps[level], above
        above, bits, numbers, logits = b.floats(width), b.bits(width), b.bytes(width), b.floats(9)
        b.conv(
            Branch(
                terms=(Term(input=source, weight=lateral),),
                residual=added,
                residual_factor=1 if added is None else 2,
                sinks=Sinks(float_=above, bits=(BitsSink(buffer=bits, threshold=b.noise(width)),)),
            )
        )
        terms = (Term(input=bits, weight=tower, padding=1),)
        sinks = Sinks(bytes=(b.bytes_sink(numbers, 2.0),))
        b.conv(Branch(terms=terms, final=b.batch_norm(width, "relu"), sinks=sinks))
        terms = (Term(input=numbers, weight=predictor, padding=1),)
        b.conv(Branch(terms=terms, final=b.batch_norm(9), sinks=Sinks(float_=logits)))
        b.outputs.update({f"logits.p{level}": logits, f"p{level}": above})
    _box_head(b.part("box", width), width)
    _mask_head(b.part("mask", width), width)
    return b.build()


def _box_head(b: ProgramBuilder, width: int) -> None:
    """Layers as wide as the region, then of one pixel."""
    source, hidden, out = b.bits(width), b.bits(40), b.floats(6)
    b.input(Sinks(bits=(BitsSink(buffer=source, threshold=b.noise(width)),)))
    term = b.bits_term(source, 40, 4, map=b.batch_norm(40, "relu"))
    b.conv(
        Branch(terms=(term,), sinks=Sinks(bits=(BitsSink(buffer=hidden, threshold=b.noise(40)),)))
    )
    b.conv(Branch(terms=(b.bits_term(hidden, 6, 1),), sinks=Sinks(float_=out)))
    b.outputs["scores"] = b.mean(out)  # regions larger than the layer have more than a pixel


def _mask_head(b: ProgramBuilder, width: int) -> None:
    """A transposed convolution of stride 2 as four convolutions, and what it gives in bytes."""
    source, deep = b.bytes(width, 128), b.floats(4 * 10)
    b.input(Sinks(bytes=(b.bytes_sink(source, 40.0),)))
    small = Map(scale1=b.noise(40, scale=1e-3), shift1=b.noise(40), act="relu")
    b.conv(Branch(terms=(b.bytes_term(source, 40, map=small),), sinks=Sinks(float_=deep)))
    wide, out = b.depth_to_space(deep, 2), b.floats(3)
    b.conv(Branch(terms=(b.float_term(wide, 3),), sinks=Sinks(float_=out)))
    b.outputs["masks"] = out
    b.outputs["resized"] = b.resize(deep, 2, wide)


def segmenter_example() -> PackedFile:
    """Branches of several dilations, the mean of the map, skips, logits of the image's size."""
    width = 20
    b = ProgramBuilder(size_divisor=4)
    signs, fine = b.bits(width), b.floats(width)
    b.stem(width, Sinks(float_=fine, bits=(BitsSink(buffer=signs),)), stride=2)
    deep, deep_signs = b.floats(width), b.bits(width)
    sinks = Sinks(float_=deep, bits=(BitsSink(buffer=deep_signs),))
    b.conv(Branch(terms=(b.bits_term(signs, width, padding=1, stride=2),), sinks=sinks))
    mean = b.mean(deep)
    context = b.floats(width)
    final = b.batch_norm(width, "relu")
    b.conv(Branch(terms=(b.float_term(mean, width),), final=final, sinks=Sinks(float_=context)))
    terms = tuple(b.bits_term(deep_signs, width, padding=d, dilation=d) for d in (1, 2, 6))
    bits, numbers = b.bits(width), b.bytes(width)
    sinks = Sinks(bits=(BitsSink(buffer=bits),), bytes=(b.bytes_sink(numbers, 0.4),))
    b.conv(
        Branch(
            terms=terms,
            residual=context,
            residual_factor=0,
            final=b.batch_norm(width, "relu"),
            sinks=sinks,
        )
    )
    coarse, logits = b.floats(7), b.floats(7)
    terms = (b.bytes_term(numbers, 7), b.bits_term(bits, 7, 1))
    b.conv(Branch(terms=terms, final=b.batch_norm(7), sinks=Sinks(float_=coarse)))
    resized = b.resize(coarse, 2, fine)
    own = (b.float_term(fine, 7),)
    b.conv(Branch(terms=own, residual=resized, sinks=Sinks(float_=logits)))
    b.outputs["logits"] = b.resize(logits, 2)
    return b.build()
