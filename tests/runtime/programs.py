"""Packed programs made by hand, which between them use every member of the format.

`example_packed_files` is for tests of every engine: run each on `example_images`.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from groupnet_det.runtime.packed_file import PackedFile
from groupnet_det.runtime.program import (
    BitsSink,
    Branch,
    Buffer,
    Conv,
    Join,
    LevelsSink,
    Map,
    Mean,
    Pool,
    Program,
    Sinks,
    Stem,
    Term,
)
from groupnet_det.runtime.sign_bits import pack_sign_bits

CHANNELS = (1, 31, 32, 33, 63, 64, 65, 127, 256)
CLASSES = 10


class ProgramBuilder:
    """Collects buffers, steps and random tensors."""

    def __init__(self, *, input_channels: int = 3, seed: int = 0) -> None:
        self.input_channels = input_channels
        self.generator = torch.Generator().manual_seed(seed)
        self.buffers: list[Buffer] = []
        self.steps: list[Any] = []
        self.tensors: dict[str, Tensor] = {}
        self.outputs: dict[str, int] = {}

    def bits(self, channels: int, pad: int = 0) -> int:
        """A new buffer of bits."""
        self.buffers.append(Buffer(kind="bits", channels=channels, pad=float(pad)))
        return len(self.buffers) - 1

    def floats(self, channels: int, pad: float = 0.0) -> int:
        """A new float buffer."""
        self.buffers.append(Buffer(kind="float", channels=channels, pad=pad))
        return len(self.buffers) - 1

    def tensor(self, value: Tensor) -> str:
        """Name of a new tensor."""
        name = f"t{len(self.tensors)}"
        self.tensors[name] = value
        return name

    def noise(self, *shape: int, scale: float = 1.0, shift: float = 0.0) -> str:
        """Name of a new F32 tensor of normal values."""
        return self.tensor(torch.randn(shape, generator=self.generator) * scale + shift)

    def integers(self, low: int, high: int, *shape: int, dtype: torch.dtype) -> str:
        """Name of a new tensor of whole numbers from `low` to `high`."""
        return self.tensor(
            torch.randint(low, high + 1, shape, generator=self.generator, dtype=dtype)
        )

    def signs(self, c_out: int, c_in: int, kernel: int | tuple[int, int]) -> str:
        """Name of a new weight of one bit."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        weights = torch.randn((c_out, c_in, *sides), generator=self.generator)
        return self.tensor(pack_sign_bits(weights))

    def map(self, channels: int, members: Sequence[str], act: str = "none") -> Map:
        """A map with those members; "slope" comes with the act."""
        names = {m: self.noise(channels, scale=0.5, shift=0.1) for m in members}
        if act == "prelu":
            names["slope"] = self.noise(channels)
        return Map(act=act, **names)

    def batch_norm(self, channels: int, act: str = "none") -> Map:
        """Scale and shift behind the act."""
        return self.map(channels, ["scale2", "shift2"], act)

    def stem(
        self,
        channels: int,
        sinks: Sinks,
        *,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: int = 1,
        pool: Pool | None = None,
        map: Map | None = None,
    ) -> None:
        """Add a stem whose values are around -10 to 10."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (channels, *sides, self.input_channels + 1)
        weight = self.integers(-500, 500, *shape, dtype=torch.int16)
        if map is None:
            scale = self.tensor(torch.full((channels,), 5e-5))
            map = Map(scale1=scale, shift1=self.noise(channels))
        self.steps.append(
            Stem(
                name=f"stem{len(self.steps)}",
                weight=weight,
                stride=stride,
                padding=padding,
                pool=pool,
                map=map,
                sinks=sinks,
            )
        )

    def conv(self, *branches: Branch, join: Join | None = None) -> None:
        """Add a convolution."""
        self.steps.append(Conv(name=f"conv{len(self.steps)}", branches=branches, join=join))

    def bits_term(self, source: int, c_out: int, kernel: Any = 3, **options: Any) -> Term:
        """A convolution of the signs in buffer `source`."""
        weight = self.signs(c_out, self.buffers[source].channels, kernel)
        return Term(input=source, weight=weight, **options)

    def float_term(self, source: int, c_out: int, kernel: int = 1, **options: Any) -> Term:
        """A convolution of the numbers in buffer `source`."""
        weight = self.noise(c_out, kernel, kernel, self.buffers[source].channels)
        return Term(input=source, weight=weight, **options)

    def classifier(self, source: int) -> None:
        """Mean, linear layer, output `logits`."""
        mean, logits = self.floats(self.buffers[source].channels), self.floats(CLASSES)
        self.steps.append(Mean(name=f"mean{len(self.steps)}", input=source, output=mean))
        term = self.float_term(mean, CLASSES, map=Map(shift1=self.noise(CLASSES)))
        self.conv(Branch(terms=(term,), sinks=Sinks(float_=logits)))
        self.outputs["logits"] = logits

    def build(self, info: dict[str, Any] | None = None) -> PackedFile:
        """The program as it would be read; `info` beside the class names and the preprocessing."""
        program = Program(
            input_channels=self.input_channels,
            buffers=tuple(self.buffers),
            steps=tuple(self.steps),
            outputs=dict(self.outputs),
        )
        common = {
            "task": "classification",
            "class_names": [f"class {i}" for i in range(CLASSES)],
            "preprocessing": {
                "kind": "classification",
                "resize": 20,
                "crop": 16,
                "format": "RGB",
            },
        }
        return PackedFile(program, {**common, **(info or {})}, dict(self.tensors))


def example_images(
    packed: PackedFile, *, batch: int = 2, height: int = 13, width: int = 17
) -> Tensor:
    """uint8 noise on which each example works; so does any larger size."""
    generator = torch.Generator().manual_seed(1)
    shape = (batch, height, width, packed.program.input_channels)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def example_packed_files() -> Iterator[tuple[str, PackedFile]]:
    """(id, packed file) of each example."""
    yield from _channel_examples()
    yield from _geometry_examples()
    yield from _stem_examples()
    yield from _map_examples()
    yield from _sink_examples()
    yield from _term_examples()
    yield from _join_examples()
    yield "nasty", nasty_example()
    yield "tiny-groupnet", group_net_example(groups=2, width=16)
    yield "gated-groupnet", group_net_example(groups=5, width=33)


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


def _channel_examples() -> Iterator[tuple[str, PackedFile]]:
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


def _geometry_examples() -> Iterator[tuple[str, PackedFile]]:
    for index, (kernel, stride, padding, dilation) in enumerate(GEOMETRIES):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        shown = kernel if isinstance(kernel, int) else "x".join(map(str, kernel))
        for pad in (0, 1):
            b = ProgramBuilder(seed=index)
            source = b.bits(33, pad=pad)
            b.stem(33, Sinks(bits=(BitsSink(buffer=source),)))
            _to_output(b, b.bits_term(source, 18, kernel, **options), 18)
            yield f"bits-k{shown}-s{stride}-p{padding}-d{dilation}-pad{pad}", b.build()
        if isinstance(kernel, int) and kernel < 13:
            b = ProgramBuilder(seed=index)
            source = b.floats(5, pad=-0.3125 * (index % 2))
            b.stem(5, Sinks(float_=source))
            _to_output(b, b.float_term(source, 9, kernel, **options), 9)
            yield f"float-k{shown}-s{stride}-p{padding}-d{dilation}", b.build()


def _to_output(b: ProgramBuilder, term: Term, channels: int, final: Map | None = None) -> None:
    out = b.floats(channels)
    b.conv(Branch(terms=(term,), final=final or Map(), sinks=Sinks(float_=out)))
    b.outputs["out"] = out


def _stem_examples() -> Iterator[tuple[str, PackedFile]]:
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


def _map_examples() -> Iterator[tuple[str, PackedFile]]:
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


def _sink_examples() -> Iterator[tuple[str, PackedFile]]:
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
        terms = tuple(b.float_term(s.buffer, channels, 3, padding=1) for s in levels)
        terms += tuple(b.bits_term(s.buffer, channels, padding=1) for s in bits)
        out = b.floats(channels)
        b.conv(Branch(terms=terms, sinks=Sinks(float_=out)))
        b.outputs["out"] = out
        yield f"sinks-{channels}", b.build()


def _term_examples() -> Iterator[tuple[str, PackedFile]]:
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
        _to_output(b, term, 24, b.batch_norm(24))
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


def _join_examples() -> Iterator[tuple[str, PackedFile]]:
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
