"""Operations that a step applies to each value on its way to buffers.

docs/reference/packed-format.md has the order of the operations, each of which is rounded.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from .steps.parts import BitsSink, BytesSink, LevelsSink, Map


def apply_map(v: Tensor, of: Map, tensors: Mapping[str, Tensor]) -> Tensor:
    """A `Map` of float32 (..., C)."""
    if of.scale1 is not None:
        v = v * tensors[of.scale1]
    if of.shift1 is not None:
        v = v + tensors[of.shift1]
    if of.act == "relu":
        v = torch.where(v > 0, v, 0.0)
    elif of.act == "prelu":
        v = torch.where(v > 0, v, v * tensors[str(of.slope)])
    if of.scale2 is not None:
        v = v * tensors[of.scale2]
    if of.shift2 is not None:
        v = v + tensors[of.shift2]
    return v


def sink_bits(v: Tensor, sink: BitsSink, tensors: Mapping[str, Tensor]) -> Tensor:
    """The booleans that a sink writes for float32 (..., C)."""
    reached = v >= (0.0 if sink.threshold is None else tensors[sink.threshold])
    return reached == (False if sink.invert is None else tensors[sink.invert].bool())


def sink_levels(v: Tensor, sink: LevelsSink, tensors: Mapping[str, Tensor]) -> Tensor:
    """The levels that a sink writes for float32 (..., C), of the same shape."""
    number = sum((v >= row).to(torch.int64) for row in tensors[sink.thresholds])
    values = tensors[sink.values]
    return values[number, torch.arange(values.shape[1])]


def sink_bytes(v: Tensor, sink: BytesSink) -> Tensor:
    """The uint8 that a sink writes for float32 of any shape."""
    scaled = (v * torch.tensor(sink.scale, dtype=torch.float32)).round()  # halves to even
    within = scaled.clamp(-sink.zero, 255 - sink.zero) + sink.zero
    return within.nan_to_num(0).to(torch.uint8).contiguous()
