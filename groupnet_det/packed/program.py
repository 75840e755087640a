"""Programs of packed files, as values: buffers, and steps that go from some to others.

docs/packed-format.md defines what each member means; `program_json` has the way to JSON and back.
Tensors are named here; the file holds them.
"""

import typing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .buffer_uses import BufferUser, Read, Written

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
class BitsSink(BufferUser):
    """Bits of ``not (v >= threshold)``, or of ``v >= threshold`` where `invert` is 1."""

    buffer: Written
    threshold: str | None = None
    invert: str | None = None


@dataclass(frozen=True, kw_only=True)
class LevelsSink(BufferUser):
    """A staircase: ``values[number of i with v >= thresholds[i]]``."""

    buffer: Written
    thresholds: str
    values: str


@dataclass(frozen=True, kw_only=True)
class BytesSink(BufferUser):
    """Unsigned bytes: ``v * scale`` rounded to even, plus `zero`, within 0 … 255."""

    buffer: Written
    scale: float
    zero: int = 0


@dataclass(frozen=True, kw_only=True)
class Sinks(BufferUser):
    """Where values go; `float_` is ``float`` in JSON."""

    float_: Written | None = None
    bits: tuple[BitsSink, ...] = ()
    levels: tuple[LevelsSink, ...] = ()
    bytes: tuple[BytesSink, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Max-pooling; what lies outside is ignored."""

    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True, kw_only=True)
class BaseStep(BufferUser):
    """What all steps have; `op` names the kind in a file."""

    name: str

    op: typing.ClassVar[str]

    def in_place(self) -> Iterator[tuple[int, int]]:
        """Pairs of a float buffer that is written and one that is read, which may be one buffer
        where nothing reads the second afterwards."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class Stem(BaseStep):
    """Convolution of the image in integers, pooling, map."""

    weight: str
    stride: int
    padding: int
    pool: Pool | None = None
    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "stem"


@dataclass(frozen=True, kw_only=True)
class Input(BaseStep):
    """The map that the program is given, in a part that has no image."""

    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "input"


@dataclass(frozen=True, kw_only=True)
class Term(BufferUser):
    """One convolution; of signs where `input` is a buffer of bits, of integers where of bytes."""

    input: Read
    weight: str
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    offset: str | None = None
    map: Map = field(default_factory=Map)


@dataclass(frozen=True, kw_only=True)
class Branch(BufferUser):
    """``final(term_0 + term_1 + ... + residual)``.

    Attributes:
        residual_factor: Each value of the residual stands for that many rows and columns; with
            `ONE_PIXEL`, the residual is one pixel that stands for all.
    """

    terms: tuple[Term, ...]
    residual: Read | None = None
    residual_factor: int = 1
    final: Map = field(default_factory=Map)
    sinks: Sinks | None = None


@dataclass(frozen=True, kw_only=True)
class Join(BufferUser):
    """Where branches meet: their merged value m, and what each goes on with."""

    scales: str | None = None
    alias: bool = False
    gate: str | None = None
    merged: Sinks | None = None
    branches: tuple[Sinks | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conv(BaseStep):
    """Branches of convolutions, and their join."""

    branches: tuple[Branch, ...]
    join: Join | None = None

    op: typing.ClassVar[str] = "conv"

    def sinks(self) -> Iterator[Sinks]:
        """All that is written."""
        of_join = (self.join.merged, *self.join.branches) if self.join else ()
        for sinks in (*(b.sinks for b in self.branches), *of_join):
            if sinks is not None:
                yield sinks

    def in_place(self) -> Iterator[tuple[int, int]]:
        """Floats of branches, and residuals that nothing else in the step reads."""
        uses = Counter(self.reads())
        after = self.join.branches if self.join else [branch.sinks for branch in self.branches]
        for branch, sinks in zip(self.branches, after, strict=False):  # a join may have none
            if sinks is None or sinks.float_ is None or branch.residual is None:
                continue
            if branch.residual_factor == 1 and uses[branch.residual] == 1:
                yield sinks.float_, branch.residual


@dataclass(frozen=True, kw_only=True)
class OneToOne(BaseStep):
    """A step from one float buffer to another one."""

    input: Read
    output: Written


@dataclass(frozen=True, kw_only=True)
class Mean(OneToOne):
    """Average over all pixels."""

    op: typing.ClassVar[str] = "mean"


@dataclass(frozen=True, kw_only=True)
class Upsampling(OneToOne):
    """Bilinear upsampling by `factor`, to the size of the buffer `like`, or of the image."""

    factor: int
    like: Read | None = None


@dataclass(frozen=True, kw_only=True)
class Resize(Upsampling):
    """Upsampling; the first value of the input stands at the first one of the output."""

    op: typing.ClassVar[str] = "resize"


@dataclass(frozen=True, kw_only=True)
class Interpolate(Upsampling):
    """Upsampling; each value of the input stands at the centre of `factor` x `factor` ones of the
    output."""

    op: typing.ClassVar[str] = "interpolate"


@dataclass(frozen=True, kw_only=True)
class MaxPool(OneToOne):
    """Max-pooling of a float buffer; what lies outside is ignored."""

    pool: Pool

    op: typing.ClassVar[str] = "max_pool"


@dataclass(frozen=True, kw_only=True)
class DepthToSpace(OneToOne):
    """`factor` x `factor` groups of channels, laid out as so many pixels."""

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
