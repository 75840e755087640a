"""Values on their way to sinks, while a program is being built.

What a value is needed as (floats, signs by some threshold, levels) shows only when the layers
after are exported. So sinks are collected, equal ones once, and written at the end.
"""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from groupnet_det.packed.steps.parts import BitsSink, Buffer, BytesSink, LevelsSink, Sinks


class Store(Protocol):
    """Holder of buffers and tensors: the `ProgramBuilder`."""

    buffers: list[Buffer]

    def buffer(self, kind: str, channels: int, pad: float) -> int: ...

    def tensor(self, name: str, value: Tensor) -> str: ...


@dataclass
class SinksBuilder:
    """The draft of a `Sinks`."""

    float_: int | None = None
    bits: list[BitsSink] = field(default_factory=list)
    levels: list[LevelsSink] = field(default_factory=list)
    bytes: list[BytesSink] = field(default_factory=list)

    def finish(self) -> Sinks | None:
        """None where nothing is wanted."""
        if self.float_ is None and not (self.bits or self.levels or self.bytes):
            return None
        return Sinks(
            float_=self.float_,
            bits=tuple(self.bits),
            levels=tuple(self.levels),
            bytes=tuple(self.bytes),
        )


class FeatureMap:
    """A map of `channels` channels that some step computes.

    Attributes:
        channels: Channels of the map.
        sinks: Where it goes.
    """

    def __init__(self, store: Store, channels: int) -> None:
        self.channels = channels
        self.sinks = SinksBuilder()
        self._store = store

    def as_float(self) -> int:
        """The buffer with the values themselves."""
        if self.sinks.float_ is None:
            self.sinks.float_ = self._store.buffer("float", self.channels, 0.0)
        return self.sinks.float_

    def as_bits(self, name: str, threshold: Tensor, invert: Tensor, pad: int) -> int:
        """A buffer of bits; that of an earlier call where both are the same.

        Args:
            name: For the tensors.
            threshold: F32 (C,), as in `BitsSink`.
            invert: U8 (C,).
            pad: The bit that convolutions read outside.
        """
        sink = BitsSink(
            buffer=-1,
            threshold=self._optional(f"{name}.threshold", threshold),
            invert=self._optional(f"{name}.invert", invert),
        )
        for other in self.sinks.bits:
            same = (other.threshold, other.invert) == (sink.threshold, sink.invert)
            if same and self._store.buffers[other.buffer].pad == pad:
                return other.buffer
        buffer = self._store.buffer("bits", self.channels, pad)
        self.sinks.bits.append(
            BitsSink(buffer=buffer, threshold=sink.threshold, invert=sink.invert)
        )
        return buffer

    def as_levels(self, name: str, thresholds: Tensor, values: Tensor, pad: float) -> int:
        """A float buffer of quantized values.

        Args:
            name: For the tensors.
            thresholds, values: F32 (L, C) and (L + 1, C), as in `LevelsSink`.
            pad: The number that convolutions read outside.
        """
        names = (
            self._store.tensor(f"{name}.thresholds", thresholds),
            self._store.tensor(f"{name}.values", values),
        )
        for other in self.sinks.levels:
            same = (other.thresholds, other.values) == names
            if same and self._store.buffers[other.buffer].pad == pad:
                return other.buffer
        buffer = self._store.buffer("float", self.channels, pad)
        self.sinks.levels.append(LevelsSink(buffer=buffer, thresholds=names[0], values=names[1]))
        return buffer

    def as_bytes(self, scale: float, zero: int) -> int:
        """A buffer of bytes, as in `BytesSink`; outside of the map it has the byte for 0."""
        for other in self.sinks.bytes:
            if (other.scale, other.zero) == (scale, zero):
                return other.buffer
        buffer = self._store.buffer("bytes", self.channels, float(zero))
        self.sinks.bytes.append(BytesSink(buffer=buffer, scale=scale, zero=zero))
        return buffer

    def _optional(self, name: str, value: Tensor) -> str | None:
        """The name of `value`; None where it is all 0, which absence means."""
        return self._store.tensor(name, value) if bool(torch.any(value != 0)) else None


class StoredMap(FeatureMap):
    """A map that some step has written as floats; all else is made of these by another step."""

    def __init__(self, store: Store, buffer: int, passed: FeatureMap) -> None:
        """
        Args:
            store: Tensors of the program.
            buffer: With the floats.
            passed: The same values as a later step passes them on.
        """
        super().__init__(store, passed.channels)
        self.sinks = passed.sinks
        self._buffer = buffer

    def as_float(self) -> int:
        return self._buffer
