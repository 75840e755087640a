"""Helpers of the tests of the reference: its traces, and numbers computed in another way."""

import dataclasses

import numpy as np
import pytest
import torch

from groupnet_det.packed.sign_bits import unpack_bits
from groupnet_det.runtime.reference.interpreter import trace_reference

from .programs import example_images, example_packed_files

EXAMPLES = dict(example_packed_files())


def named(start):
    return [pytest.param(p, id=name) for name, p in EXAMPLES.items() if name.startswith(start)]


def traced(packed, images=None):
    """Content of each buffer after each step that wrote it."""
    rows = trace_reference(packed, example_images(packed) if images is None else images)
    return {(step, buffer): content for step, buffer, content in zip(*rows, strict=True)}


def nchw(x):
    return x.permute(0, 3, 1, 2).double()


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def same(a, b):
    """Equal bits, but for those of NaN."""
    return torch.equal(a.isnan(), b.isnan()) and torch.equal(
        a.nan_to_num(0).view(torch.int32), b.nan_to_num(0).view(torch.int32)
    )


def unpacked_signs(packed, channels):
    """The inverse of `pack_sign_bits`: float32 (C_out, `channels`, kH, kW) of -1 and +1."""
    signs = 1 - 2 * unpack_bits(packed, channels).float()
    return signs.permute(0, 3, 1, 2)


def plain_map(v, of, tensors):
    """A map, with numpy."""
    v = v.numpy()
    get = {
        m: tensors[name].numpy() for m, name in dataclasses.asdict(of).items() if name in tensors
    }
    with np.errstate(all="ignore"):
        v = v * get.get("scale1", np.float32(1))
        v = v + get["shift1"] if "shift1" in get else v
        if of.act != "none":
            negative = v * get["slope"] if of.act == "prelu" else np.float32(0)
            v = np.where(v > 0, v, negative)
        v = v * get["scale2"] if "scale2" in get else v
        v = v + get["shift2"] if "shift2" in get else v
    assert v.dtype == np.float32
    return torch.from_numpy(np.ascontiguousarray(v))
