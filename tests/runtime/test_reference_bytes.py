"""Buffers of bytes in the reference: how they are rounded, and convolutions of 8 bits."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import Sinks
from groupnet_det.runtime.reference.interpreter import (
    run_reference,
    run_reference_part,
    trace_reference_part,
)
from tests.packed.program_builder import ProgramBuilder
from tests.packed.programs import example_images, example_packed_files
from tests.packed.reference_values import nhwc, same, traced

EXAMPLES = dict(example_packed_files())
INF, NAN = math.inf, math.nan


def named(start):
    return [pytest.param(p, id=name) for name, p in EXAMPLES.items() if name.startswith(start)]


def in_bytes(values, *, scale=1.0, zero=0):
    """What a sink makes of these numbers, as a part's `input` writes them."""
    b = ProgramBuilder()
    part = b.part("part", 1)
    floats, numbers = part.floats(1), part.bytes(1, zero)
    part.input(Sinks(float_=floats, bytes=(part.bytes_sink(numbers, scale),)))
    part.outputs["out"] = floats
    maps = torch.tensor(values, dtype=torch.float32).view(1, 1, -1, 1)
    packed = PackedFile(b.program(), {}, {})
    _, buffers, contents = trace_reference_part(packed, "part", maps)
    assert buffers == [floats, numbers]  # the order of a trace
    assert contents[1].dtype == torch.uint8
    return contents[1].flatten().tolist()


def test_halves_are_rounded_to_even():
    values = [0.5, 1.5, 2.5, 3.5, 254.5, 255.5, 0.49999997, 0.50000006, 2.4999998]
    assert in_bytes(values) == [0, 2, 2, 4, 254, 255, 0, 1, 2]
    assert in_bytes([-0.5, -1.5, -2.5, 0.5, 1.5], zero=10) == [10, 8, 8, 10, 12]
    # Rounded before an odd zero is added, and the scale is met before.
    assert in_bytes([1.0, 3.0, 5.0, -1.0], scale=0.5, zero=7) == [7, 9, 9, 7]


@pytest.mark.parametrize("zero", [0, 1, 128, 255])
def test_ends_of_bytes(zero):
    values = [-1e30, -INF, -256.0, 256.0, 1e30, INF, NAN, 0.0, -0.0]
    assert in_bytes(values, zero=zero) == [0, 0, 0, 255, 255, 255, 0, zero, zero]


def test_the_product_is_rounded_to_float32():
    values = (torch.arange(-5000, 5000) / 7).tolist()
    scale = np.float32(0.7)
    product = np.array(values, np.float32) * scale
    expected = np.clip(np.rint(product).astype(np.int64) + 77, 0, 255)
    assert in_bytes(values, scale=0.7, zero=77) == expected.tolist()
    # Exactly it is more than 2.5, and as float32 a tie, which goes down to 2.
    assert float(torch.tensor(1 / 3)) * 7.5 > 2.5
    assert in_bytes([7.5], scale=1 / 3) == [2]


def test_the_least_and_the_greatest_scale():
    assert in_bytes([1.0, 3e38, 1e-45], scale=1e-45) == [0, 0, 0]
    assert in_bytes([1.0, 1e-38, 1e-45, -1e-45], scale=3e38, zero=4) == [255, 7, 4, 4]


@pytest.mark.parametrize("packed", [*named("bytes-k"), *named("bytes-1"), *named("bytes-6")])
def test_convolutions_of_bytes(packed):
    maps = traced(packed)
    (term,) = packed.program.steps[1].branches[0].terms
    source = packed.program.buffers[term.input]
    content = maps[0, term.input]
    x = content.permute(0, 3, 1, 2).double() - source.pad
    weight = packed.tensors[term.weight].permute(0, 3, 1, 2).double()
    options = {"stride": term.stride, "padding": term.padding, "dilation": term.dilation}
    expected = F.conv2d(x, weight, **options)
    assert torch.equal(maps[1, packed.program.outputs["out"]], nhwc(expected).float())
    assert content.max() > content.min()


def test_largest_sums_of_bytes():
    packed = EXAMPLES["bytes-largest-sums"]
    result = run_reference(packed, example_images(packed))["out"]
    assert result.shape == (2, 1, 1, 3)
    total = 255 * 39 * 13 * 4 * 4096
    assert total < 2**31
    assert result[0, 0, 0, :2].tolist() == [-np.float32(total), np.float32(total)]
    weight = packed.tensors[packed.program.steps[1].branches[0].terms[0].weight]
    exact = int(weight[2].long().sum()) * 255
    assert result[0, 0, 0, 2].item() == np.float32(exact)
    assert int(np.float32(exact)) != exact  # it is rounded


def test_bytes_by_hand():
    b = ProgramBuilder()
    part = b.part("part", 2)
    numbers, out = part.bytes(2, 100), part.floats(1)
    part.input(Sinks(bytes=(part.bytes_sink(numbers, 1.0),)))
    term = part.bytes_term(numbers, 1, (1, 2), padding=1)
    part.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    part.outputs["out"] = out
    b.tensors[term.weight].copy_(torch.tensor([[[[3, -128], [127, 5]]]], dtype=torch.int8))
    packed = PackedFile(b.program(), {}, b.tensors)
    maps = torch.tensor([[[[1.0, 2.0], [-100.0, 155.0], [200.0, -101.0]]]])
    # Bytes less the zero: (1, 2), (-100, 155), (155, -100); outside 0.
    result = run_reference_part(packed, "part", maps)["out"]
    middle = [
        127 * 1 + 5 * 2,
        3 * 1 - 128 * 2 + 127 * -100 + 5 * 155,
        3 * -100 - 128 * 155 + 127 * 155 + 5 * -100,
        3 * 155 - 128 * -100,
    ]
    assert result[0, :, :, 0].tolist() == [[0] * 4, middle, [0] * 4]


def test_sinks_of_bytes_in_a_join_and_beside_others():
    packed = EXAMPLES["bytes-and-others"]
    maps = traced(packed)
    step = packed.program.steps[1]
    merged, sink = maps[1, step.join.merged.float_], step.join.merged.bytes[0]
    product = merged.numpy() * np.float32(sink.scale)
    expected = np.clip(np.rint(product) + sink.zero, 0, 255)
    assert torch.equal(maps[1, sink.buffer].float(), torch.from_numpy(expected))
    assert len(np.unique(expected)) > 10
    # Terms of bytes and of bits, their maps, in one sum.
    last = packed.program.steps[-1]
    values = []
    for term in last.branches[0].terms:
        x = (
            maps[1, term.input].permute(0, 3, 1, 2).double()
            - packed.program.buffers[term.input].pad
        )
        weight = packed.tensors[term.weight].permute(0, 3, 1, 2).double()
        values.append(nhwc(F.conv2d(x, weight, stride=2, padding=1)).float())
    expected = values[0] + values[1] + values[2]
    assert same(expected, maps[2, packed.program.outputs["out"]])


@pytest.mark.parametrize("packed", named("bytes-sinks-"))
def test_sinks_of_bytes(packed):
    maps = traced(packed)
    kinds = set()
    for index in (1, 2):
        sinks = packed.program.steps[index].branches[0].sinks
        v = maps[index, sinks.float_].numpy()
        kinds |= {"nan"} if np.isnan(v).any() else set()
        kinds |= {"inf"} if np.isinf(v).any() else set()
        for sink in sinks.bytes:
            with np.errstate(all="ignore"):
                product = v * np.float32(sink.scale)
                expected = np.clip(np.rint(product) + np.float32(sink.zero), 0, 255)
            expected = torch.from_numpy(np.nan_to_num(expected))
            assert torch.equal(maps[index, sink.buffer].float(), expected)
    channels = v.shape[3]
    assert kinds == ({"nan", "inf"} if channels > 8 else set())
