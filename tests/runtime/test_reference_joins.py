"""The reference where maps meet, and as a whole: joins, sums, batches and traces."""

import dataclasses

import numpy as np
import pytest
import torch

from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.input_steps import Stem
from groupnet_det.packed.steps.parts import Map, Sinks
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.packed.programs import example_images
from tests.packed.reference_values import EXAMPLES, named, plain_map, same, traced


@pytest.mark.parametrize("packed", named("join-"))
def test_joins(packed):
    join = packed.program.steps[-1].join
    number = len(packed.program.steps[-1].branches)
    result = run_reference(packed, example_images(packed))
    apart = run_reference(without_join(packed), example_images(packed))
    p = [apart[f"p{k}"].numpy() for k in range(number)]
    total = p[0]
    for value in p[1:]:
        total = total + value
    if join.scales:
        scales = packed.tensors[join.scales].numpy()
        m = p[0] * scales[0]
        for value, scale in zip(p[1:], scales[1:], strict=True):
            m = m + value * scale
    else:
        m = total * (np.float32(1) / np.float32(number))
    if join.alias:
        p[0] = total
    if join.gate:
        own, common = packed.tensors[join.gate].numpy()
        p = [value * own + m * common for value in p]
    assert m.dtype == np.float32
    assert same(result["merged"], torch.from_numpy(m))
    for k in set(range(number)) - {1}:
        assert same(result[f"x{k}"], torch.from_numpy(p[k]))


def without_join(packed):
    """The same, each p_k an output of its own step."""
    *steps, last = packed.program.steps
    buffers, outputs = list(packed.program.buffers), {}
    for k, branch in enumerate(last.branches):
        outputs[f"p{k}"] = len(buffers)
        buffers.append(buffers[branch.residual])
        sinks = Sinks(float_=outputs[f"p{k}"])
        steps.append(Conv(name=f"p{k}", branches=(dataclasses.replace(branch, sinks=sinks),)))
    program = dataclasses.replace(
        packed.program, buffers=tuple(buffers), steps=tuple(steps), outputs=outputs
    )
    return dataclasses.replace(packed, program=program)


def test_sums_go_from_left_to_right():
    packed = EXAMPLES["terms-mixed"]
    maps = traced(packed)
    branch = packed.program.steps[3].branches[0]
    assert branch.residual is not None
    values = []
    for term in branch.terms:
        alone = dataclasses.replace(branch, terms=(term,), residual=None, final=Map())
        step = dataclasses.replace(packed.program.steps[3], branches=(alone,))
        steps = (*packed.program.steps[:3], step, *packed.program.steps[4:])
        program = dataclasses.replace(packed.program, steps=steps)
        values.append(traced(dataclasses.replace(packed, program=program))[3, alone.sinks.float_])
    values.append(maps[2, branch.residual])
    total = values[0].numpy()
    for value in values[1:]:
        total = total + value.numpy()
    expected = plain_map(torch.from_numpy(total), branch.final, packed.tensors)
    assert same(expected, maps[3, branch.sinks.float_])
    assert not same(sum(reversed(values)), torch.from_numpy(total))


@pytest.mark.parametrize("packed", named(""))
def test_batches_files_and_traces_agree(packed, tmp_path):
    images = example_images(packed, batch=3)
    whole = run_reference(packed, images)
    write_packed(tmp_path / "a.gnp", packed.program, packed.info, packed.tensors)
    read = read_packed(tmp_path / "a.gnp")
    alone = run_reference(read, images[1:2])
    for name, value in whole.items():
        assert value.dtype == torch.float32
        assert value.is_contiguous()
        assert same(value[1:2], alone[name])
    steps, buffers, contents = trace_reference(packed, images)
    assert steps == sorted(steps)
    assert set(steps) == set(range(len(packed.program.steps)))
    for name, buffer in packed.program.outputs.items():
        last = max(i for i, b in enumerate(buffers) if b == buffer)
        assert same(contents[last], whole[name])
    for buffer, content in zip(buffers, contents, strict=True):
        kind = packed.program.buffers[buffer].kind
        assert content.dtype == (torch.float32 if kind == "float" else torch.uint8)
        assert content.is_contiguous()
        if kind == "bits":
            assert content.max() <= 1


def test_the_nasty_example_is_nasty():
    values = [v for v in traced(EXAMPLES["nasty"]).values() if v.is_floating_point()]
    bits = torch.cat([v.flatten() for v in values])
    assert bits.isnan().any()
    assert bits.isinf().any()
    assert ((bits != 0) & (bits.abs() < 2.0**-126)).any()
    assert (bits.view(torch.int32) == -(2**31)).any()  # negative zero


def test_order_of_a_trace():
    packed = EXAMPLES["join-3-scales-gate"]
    steps, buffers, _ = trace_reference(packed, example_images(packed))
    last = packed.program.steps[-1]
    expected = last.writes()
    assert [b for s, b in zip(steps, buffers, strict=True) if s == steps[-1]] == expected
    assert isinstance(packed.program.steps[0], Stem)
