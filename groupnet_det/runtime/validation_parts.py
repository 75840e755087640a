"""Checks of what steps are made of: maps, sinks, buffers, tensors. See `validation`."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError

from .program import ACTS, BitsSink, LevelsSink, Map, Program, Sinks

MAX_CHANNELS = 65536
MAX_GEOMETRY = 4096  # of kernels, strides, paddings, dilations
MAX_LEVELS = 256
MAX_SINKS = 64  # of bits, and of levels


def in_range(value: int, least: int, most: int, what: str) -> None:
    """
    Raises:
        PackedFileError: `value`, called `what`, is not.
    """
    if not least <= value <= most:
        raise PackedFileError(f"{what} is {value}; valid: {least} to {most}")


class PartChecks:
    """Remembers what has been written, and which tensors were named. All raise PackedFileError.

    Attributes:
        where: Name of the step, for messages.
    """

    def __init__(self, program: Program, tensors: Mapping[str, Tensor]) -> None:
        self.program, self.tensors = program, tensors
        self.where = ""
        self.written: set[int] = set()
        self.named: set[str] = set()

    def map(self, of: Map, channels: int, what: str) -> None:
        if of.act not in ACTS:
            self.fail(f"{what}.act is {of.act[:80]!r}; valid: {ACTS}")
        if (of.slope is not None) != (of.act == "prelu"):
            self.fail(f"{what} has the act {of.act!r}; a slope is for 'prelu', which needs one")
        for member in ("scale1", "shift1", "slope", "scale2", "shift2"):
            name = getattr(of, member)
            if name is not None:
                self.tensor(name, torch.float32, (channels,), f"{what}.{member}")

    def sinks(self, sinks: Sinks, channels: int) -> None:
        if sinks.float_ is not None:
            self.target(sinks.float_, channels, "float")
        in_range(len(sinks.bits), 0, MAX_SINKS, f"{self.where}: the number of sinks of bits")
        in_range(len(sinks.levels), 0, MAX_SINKS, f"{self.where}: the number of sinks of levels")
        for bits in sinks.bits:
            self.target(bits.buffer, channels, "bits")
            self.bits_sink(bits, channels)
        for levels in sinks.levels:
            self.target(levels.buffer, channels, "float")
            self.levels_sink(levels, channels)

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

    def target(self, buffer: int, channels: int, kind: str) -> None:
        self.buffer(buffer, "a sink", kind=kind)
        if self.program.buffers[buffer].channels != channels:
            self.fail(
                f"a map of {channels} channels goes to buffer {buffer}, which has "
                f"{self.program.buffers[buffer].channels}"
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
        if not 0 <= number < len(self.program.buffers):
            self.fail(f"{what} is buffer {number}; there are {len(self.program.buffers)}")
        if kind is not None and self.program.buffers[number].kind != kind:
            self.fail(f"{what} is buffer {number}, which is not of kind {kind!r}")

    def weight(self, weight: Tensor, what: str) -> int:
        """Its output channels."""
        in_range(weight.shape[0], 1, MAX_CHANNELS, f"{self.where}: channels of {what}")
        self.geometry(weight.shape[1], f"kernel rows of {what}")
        self.geometry(weight.shape[2], f"kernel columns of {what}")
        return weight.shape[0]

    def geometry(self, value: int, what: str, *, least: int = 1) -> None:
        in_range(value, least, MAX_GEOMETRY, f"{self.where}: {what}")

    def tensor(
        self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...], what: str
    ) -> Tensor:
        """The tensor of this name; sizes of None are open."""
        tensor = self.tensors.get(name)
        if tensor is None:
            self.fail(f"{what} names the tensor {name[:80]!r}, which is absent")
        fits = tensor.dtype == dtype and tensor.dim() == len(shape) and tensor.numel() > 0
        if not fits or any(s not in (None, t) for s, t in zip(shape, tensor.shape, strict=True)):
            self.fail(
                f"{what}, {name[:80]!r}, is {tensor.dtype} of shape {tuple(tensor.shape)}; "
                f"expected: {dtype} of shape {tuple('any' if s is None else s for s in shape)}"
            )
        if dtype == torch.float32 and name not in self.named and bool(tensor.isnan().any()):
            self.fail(f"{what}, {name[:80]!r}, has values that are NaN")
        self.named.add(name)
        return tensor

    def fail(self, reason: str) -> NoReturn:
        raise PackedFileError(f"{self.where}: {reason}")
