"""Parts of steps: buffers, maps of each value, sinks.

docs/reference/packed-format.md defines what each member means. Tensors are named here; the file
holds them.
"""

from dataclasses import dataclass

from .buffer_uses import BufferUser, Written

ACTS = ("none", "relu", "prelu")
BUFFER_KINDS = ("bits", "float", "bytes")


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
    """Quantized values: ``values[number of i with v >= thresholds[i]]``."""

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
    """The places that values go to; `float_` is ``float`` in JSON."""

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
