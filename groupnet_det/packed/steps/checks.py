"""Checks of what steps are made of: maps, sinks, buffers, tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, shortened
from groupnet_det.packed.limits import (
    MAX_CHANNELS,
    MAX_GEOMETRY,
    MAX_PIXEL,
    in_range,
    is_float32,
)

from .parts import ACTS, BitsSink, Buffer, BytesSink, LevelsSink, Map, Pool, Sinks

MAX_LEVELS = 256
MAX_SINKS = 64  # of a kind
SUM_LIMIT = 1 << 31  # of 32-bit integers


@dataclass
class Seen:
    """The tensors, and what was found out about them, which the program and its parts share.

    Attributes:
        tensors: Tensors by name.
        named: The names of tensors that a step has.
        packed_inputs: Channels that a weight of bits was checked for.
        summed: Weights that are known not to overflow.
    """

    tensors: Mapping[str, Tensor]
    named: set[str] = field(default_factory=set)
    packed_inputs: dict[str, int] = field(default_factory=dict)
    summed: set[str] = field(default_factory=set)


class Checks:
    """Remembers what has been written, and which tensors were named. All raise PackedFileError.

    Attributes:
        where: Name of the step, for messages.
    """

    def __init__(
        self, buffers: Sequence[Buffer], input_channels: int, seen: Seen, *, is_part: bool
    ) -> None:
        """
        Args:
            buffers: Buffers of the program.
            input_channels: Channels of the image, or of the map that a part is given.
            seen: So far.
            is_part: Whether the program is a part, which has no image.
        """
        self.buffers, self.input_channels = buffers, input_channels
        self.seen, self.is_part = seen, is_part
        self.where = ""
        self.written: set[int] = set()

    def map(self, of: Map, channels: int, what: str) -> None:
        if of.act not in ACTS:
            self.fail(f"{what}.act is {of.act[:80]!r}; valid: {ACTS}")
        if (of.slope is not None) != (of.act == "prelu"):
            self.fail(
                f"{what} has the act {shortened(of.act)}; a slope is for 'prelu', which needs one"
            )
        for member in ("scale1", "shift1", "slope", "scale2", "shift2"):
            name = getattr(of, member)
            if name is not None:
                self.tensor(name, torch.float32, (channels,), f"{what}.{member}")

    def sinks(self, sinks: Sinks, channels: int) -> None:
        if sinks.float_ is not None:
            self.target(sinks.float_, channels, "float")
        for kind in ("bits", "levels", "bytes"):
            where = f"{self.where}: the number of sinks of {kind}"
            in_range(len(getattr(sinks, kind)), 0, MAX_SINKS, where)
        for bits in sinks.bits:
            self.target(bits.buffer, channels, "bits")
            self.bits_sink(bits, channels)
        for levels in sinks.levels:
            self.target(levels.buffer, channels, "float")
            self.levels_sink(levels, channels)
        for of_bytes in sinks.bytes:
            self.target(of_bytes.buffer, channels, "bytes")
            self.bytes_sink(of_bytes)

    def bits_sink(self, sink: BitsSink, channels: int) -> None:
        if sink.threshold is not None:
            self.tensor(sink.threshold, torch.float32, (channels,), "threshold")
        if sink.invert is not None:
            invert = self.tensor(sink.invert, torch.uint8, (channels,), "invert")
            if int(invert.max()) > 1:
                self.fail(f"invert {sink.invert[:80]!r} has values beside 0 and 1")

    def levels_sink(self, sink: LevelsSink, channels: int) -> None:
        thresholds = self.tensor(sink.thresholds, torch.float32, (None, channels), "thresholds")
        in_range(len(thresholds), 1, MAX_LEVELS, f"{self.where}: the number of thresholds")
        if bool((thresholds[1:] < thresholds[:-1]).any()):
            self.fail(f"thresholds {sink.thresholds[:80]!r} do not rise")
        self.tensor(sink.values, torch.float32, (len(thresholds) + 1, channels), "values")

    def bytes_sink(self, sink: BytesSink) -> None:
        if not (sink.scale > 0 and is_float32(sink.scale)):
            self.fail(f"scale is {sink.scale}, which is no number of float32 above 0")
        pad = self.buffers[sink.buffer].pad
        if sink.zero != pad:
            self.fail(f"zero is {sink.zero}, and the pad of buffer {sink.buffer} is {pad}")

    def target(self, buffer: int, channels: int, kind: str) -> None:
        self.buffer(buffer, "a sink", kind=kind)
        if self.buffers[buffer].channels != channels:
            self.fail(
                f"a map of {channels} channels goes to buffer {buffer}, which has "
                f"{self.buffers[buffer].channels}"
            )

    def write(self, buffers: Sequence[int]) -> None:
        if not buffers:
            self.fail("nothing is written")
        if len(set(buffers)) < len(buffers):
            self.fail(f"a buffer is written twice: {sorted(buffers)}")
        self.written.update(buffers)

    def read(self, number: int, what: str, *, kind: str | None = None) -> None:
        self.buffer(number, what, kind=kind)
        if number not in self.written:
            self.fail(f"{what} reads buffer {number} before it is written")

    def buffer(self, number: int, what: str, *, kind: str | None) -> None:
        if not 0 <= number < len(self.buffers):
            self.fail(f"{what} is buffer {number}; there are {len(self.buffers)}")
        if kind is not None and self.buffers[number].kind != kind:
            self.fail(f"{what} is buffer {number}, which is not of kind {kind!r}")

    def weight(self, weight: Tensor, what: str) -> int:
        """Its output channels."""
        in_range(weight.shape[0], 1, MAX_CHANNELS, f"{self.where}: channels of {what}")
        self.geometry(weight.shape[1], f"kernel rows of {what}")
        self.geometry(weight.shape[2], f"kernel columns of {what}")
        return weight.shape[0]

    def sums_of_bytes(self, name: str, what: str) -> None:
        """Check that a weight's products with bytes can be added in 32 bits."""
        if name not in self.seen.summed:
            sums = self.seen.tensors[name].to(torch.int64).abs().sum((1, 2, 3)) * MAX_PIXEL
            if int(sums.max()) >= SUM_LIMIT:
                self.fail(f"sums of {what} times bytes can overflow 32 bits")
        self.seen.summed.add(name)

    def pool(self, pool: Pool) -> None:
        self.geometry(pool.kernel, "pool.kernel")
        self.geometry(pool.stride, "pool.stride")
        # More, and a position would see nothing of the map.
        in_range(pool.padding, 0, pool.kernel - 1, f"{self.where}: pool.padding")

    def geometry(self, value: int, what: str, *, least: int = 1) -> None:
        in_range(value, least, MAX_GEOMETRY, f"{self.where}: {what}")

    def tensor(
        self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...], what: str
    ) -> Tensor:
        """The tensor of this name; sizes of None are open."""
        tensor = self.seen.tensors.get(name)
        if tensor is None:
            self.fail(f"{what} names the tensor {name[:80]!r}, which is missing")
        fits = tensor.dtype == dtype and tensor.dim() == len(shape) and tensor.numel() > 0
        if not fits or any(s not in (None, t) for s, t in zip(shape, tensor.shape, strict=True)):
            self.fail(
                f"{what}, {name[:80]!r}, is {tensor.dtype} of shape {tuple(tensor.shape)}; "
                f"expected: {dtype} of shape {tuple('any' if s is None else s for s in shape)}"
            )
        if dtype == torch.float32 and name not in self.seen.named and bool(tensor.isnan().any()):
            self.fail(f"{what}, {name[:80]!r}, has values that are NaN")
        self.seen.named.add(name)
        return tensor

    def fail(self, reason: str) -> NoReturn:
        raise PackedFileError(f"{self.where}: {reason}")
