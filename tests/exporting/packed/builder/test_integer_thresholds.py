"""Thresholds on sums against the chain that they stand for."""

import math

import pytest
import torch

from groupnet_det.exporting.packed.builder.integer_thresholds import (
    find_switch,
    on_the_sum,
    possible_sums,
)
from groupnet_det.packed.steps.conv import Branch, Term
from groupnet_det.packed.steps.parts import BitsSink, Buffer, Map, Sinks
from groupnet_det.packed.value_maps import apply_map, sink_bits

C_IN, C_OUT = 5, 6
BUFFERS = (
    Buffer(kind="bits", channels=C_IN),
    Buffer(kind="bits", channels=C_OUT),
    Buffer(kind="float", channels=C_OUT),
)


def make_branch(term_map, *, final=None, sink=None, **changes):
    sinks = Sinks(bits=(sink or BitsSink(buffer=1),))
    term = Term(input=0, weight="w", map=term_map)
    return Branch(**{"terms": (term,), "final": final or Map(), "sinks": sinks, **changes})


def make_tensors():
    tensors = {"w": torch.zeros(C_OUT, 3, 3, 1, dtype=torch.uint8)}
    for name in ("scale1", "shift1", "slope", "scale2", "shift2", "threshold"):
        tensors[name] = torch.randn(C_OUT)
    tensors["invert"] = (torch.rand(C_OUT) > 0.5).to(torch.uint8)
    tensors["positive"] = torch.rand(C_OUT)
    return tensors


def test_sums_by_hand():
    assert possible_sums(3, 1, None).flatten().tolist() == [-3.0, -1.0, 1.0, 3.0]
    assert possible_sums(2, 2, torch.tensor([4, 1])).tolist() == [[0, -3], [2, -1], [4, 1]]


def test_switches_by_hand():
    """Rising, falling, always +1, always -1; twice is none."""
    sums = torch.tensor([-2.0, 0.0, 2.0])[:, None].expand(-1, 4)
    bits = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 0, 1]]).bool()
    threshold, invert = find_switch(sums, bits)
    assert threshold.tolist() == [0.0, 2.0, -math.inf, math.inf]
    assert invert.tolist() == [0, 1, 0, 0]
    assert find_switch(sums[:, :1], torch.tensor([[1], [0], [1]]).bool()) is None


MAPS = {
    "affine": Map(scale1="scale1", shift1="shift1"),
    "relu": Map(act="relu", scale2="scale2", shift2="shift2"),
    "prelu": Map(scale1="scale1", act="prelu", slope="positive", shift2="shift2"),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("final", [Map(), Map(act="relu", shift2="shift2")], ids=["", "final"])
def test_bits_of_all_sums_stay(name, final):
    tensors = make_tensors()
    sink = BitsSink(buffer=1, threshold="threshold", invert="invert")
    branch = make_branch(MAPS[name], final=final, sink=sink)
    folded = on_the_sum(branch, BUFFERS, tensors, keep_in(tensors))
    assert folded.terms[0].map == folded.final == Map()
    sums = possible_sums(9 * C_IN, C_OUT, None)
    values = apply_map(apply_map(sums, MAPS[name], tensors), final, tensors)
    expected = sink_bits(values, sink, tensors)
    assert torch.equal(sink_bits(sums, folded.sinks.bits[0], tensors), expected)


def keep_in(tensors):
    def keep(name, value):
        tensors[f"new.{name}"] = value
        return f"new.{name}"

    return keep


def test_a_bend_has_no_threshold():
    """With a negative slope the bit may change twice; the map stays."""
    tensors = {
        **make_tensors(),
        "bend": torch.full((C_OUT,), -1.0),
        "two": torch.full((C_OUT,), 2.0),
    }
    sink = BitsSink(buffer=1, threshold="two")
    branch = make_branch(Map(act="prelu", slope="bend"), sink=sink)
    assert on_the_sum(branch, BUFFERS, tensors, keep_in(tensors)) is branch


OTHERS = {
    "residual": {"residual": 2},
    "floats": {"sinks": Sinks(float_=2, bits=(BitsSink(buffer=1),))},
    "join": {"sinks": None},
    "no-map": {"terms": (Term(input=0, weight="w"),)},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_branches_stay(name):
    branch = make_branch(MAPS["relu"], **OTHERS[name])
    assert on_the_sum(branch, BUFFERS, make_tensors(), None) is branch
