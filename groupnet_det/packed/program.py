"""Programs of packed files, as values: buffers, and steps that go from some to others.

docs/packed-format.md defines what each member means; `program_json` has the way to JSON and back.
Tensors are named here; the file holds them.
"""

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field

ACTS = ("none", "relu", "prelu")
BUFFER_KINDS = ("bits", "float", "bytes")
ONE_PIXEL = 0  # a `Branch.residual_factor`


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A map (N, H, W, channels) of signs, of float32 or of unsigned bytes.

    Attributes:
        kind: One of `BUFFER_KINDS`.
        pad: What convolutions read outside: a bit, a number, or a byte.
    """

    kind: str
    channels: int
    pad: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Map:
    """``act(v * scale1 + shift1) * scale2 + shift2`` for each channel; names of F32 tensors."""

    scale1: str | None = None
    shift1: str | None = None
    act: str = "none"
    slope: str | None = None
    scale2: str | None = None
    shift2: str | None = None


@dataclass(frozen=True, kw_only=True)
class BitsSink:
    """Bits of ``not (v >= threshold)``, or of ``v >= threshold`` where `invert` is 1."""

    buffer: int
    threshold: str | None = None
    invert: str | None = None


@dataclass(frozen=True, kw_only=True)
class LevelsSink:
    """A staircase: ``values[number of i with v >= thresholds[i]]``."""

    buffer: int
    thresholds: str
    values: str


@dataclass(frozen=True, kw_only=True)
class BytesSink:
    """Unsigned bytes: ``v * scale`` rounded to even, plus `zero`, within 0 … 255."""

    buffer: int
    scale: float
    zero: int = 0


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """Where values go; `float_` is ``float`` in JSON."""

    float_: int | None = None
    bits: tuple[BitsSink, ...] = ()
    levels: tuple[LevelsSink, ...] = ()
    bytes: tuple[BytesSink, ...] = ()

    def buffers(self) -> list[int]:
        """Numbers of all buffers that are written."""
        whole = [] if self.float_ is None else [self.float_]
        parts: tuple[BitsSink | LevelsSink | BytesSink, ...]
        parts = (*self.bits, *self.levels, *self.bytes)
        return [*whole, *(sink.buffer for sink in parts)]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Max-pooling; what lies outside is ignored."""

    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True, kw_only=True)
class Stem:
    """Convolution of the image in integers, pooling, map."""

    name: str
    weight: str
    stride: int
    padding: int
    pool: Pool | None = None
    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "stem"


@dataclass(frozen=True, kw_only=True)
class Input:
    """The map that the program is given, in a part that has no image."""

    name: str
    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "input"


@dataclass(frozen=True, kw_only=True)
class Term:
    """One convolution; of signs where `input` is a buffer of bits, of integers where of bytes."""

    input: int
    weight: str
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    offset: str | None = None
    map: Map = field(default_factory=Map)


@dataclass(frozen=True, kw_only=True)
class Branch:
    """``final(term_0 + term_1 + ... + residual)``.

    Attributes:
        residual_factor: Each value of the residual stands for that many rows and columns; with
            `ONE_PIXEL`, the residual is one pixel that stands for all.
    """

    terms: tuple[Term, ...]
    residual: int | None = None
    residual_factor: int = 1
    final: Map = field(default_factory=Map)
    sinks: Sinks | None = None


@dataclass(frozen=True, kw_only=True)
class Join:
    """Where branches meet: their merged value m, and what each goes on with."""

    scales: str | None = None
    alias: bool = False
    gate: str | None = None
    merged: Sinks | None = None
    branches: tuple[Sinks | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conv:
    """Branches of convolutions, and their join."""

    name: str
    branches: tuple[Branch, ...]
    join: Join | None = None

    op: typing.ClassVar[str] = "conv"

    def sinks(self) -> Iterator[Sinks]:
        """All that is written."""
        of_join = (self.join.merged, *self.join.branches) if self.join else ()
        for sinks in (*(b.sinks for b in self.branches), *of_join):
            if sinks is not None:
                yield sinks


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Average over all pixels."""

    name: str
    input: int
    output: int

    op: typing.ClassVar[str] = "mean"


@dataclass(frozen=True, kw_only=True)
class Resize:
    """Bilinear upsampling by `factor`, to the size of the buffer `like`, or of the image.

    The first value of the input stands at the first one of the output.
    """

    name: str
    input: int
    output: int
    factor: int
    like: int | None = None

    op: typing.ClassVar[str] = "resize"


@dataclass(frozen=True, kw_only=True)
class Interpolate:
    """As `Resize`, but each value of the input stands at the centre of `factor` x `factor` ones of
    the output."""

    name: str
    input: int
    output: int
    factor: int
    like: int | None = None

    op: typing.ClassVar[str] = "interpolate"


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """Max-pooling of a float buffer; what lies outside is ignored."""

    name: str
    input: int
    output: int
    pool: Pool

    op: typing.ClassVar[str] = "max_pool"


@dataclass(frozen=True, kw_only=True)
class DepthToSpace:
    """`factor` x `factor` groups of channels, laid out as so many pixels."""

    name: str
    input: int
    output: int
    factor: int

    op: typing.ClassVar[str] = "depth_to_space"


Step = Stem | Input | Conv | Mean | Resize | Interpolate | MaxPool | DepthToSpace
STEPS: dict[str, type] = {
    step.op: step for step in (Stem, Input, Conv, Mean, Resize, Interpolate, MaxPool, DepthToSpace)
}


@dataclass(frozen=True, kw_only=True)
class Program:
    """The whole network, or a part that runs on regions of its maps.

    Attributes:
        input_channels: Of the image, or of the map that a part is given.
        outputs: Number of a float buffer by name.
        size_divisor: Height and width of the image are rounded up to multiples of it; the rest is
            as the stem's padding.
        parts: Programs of their own, by name, such as ``box`` for the head that sees regions.
    """

    input_channels: int
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, int]
    size_divisor: int = 1
    parts: dict[str, "Program"] = field(default_factory=dict)
