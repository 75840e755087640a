"""The reference, held against other ways to the same numbers: those of torch, and plain loops."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.float_maps import Mean
from groupnet_det.packed.steps.parts import Buffer, Map, Sinks
from groupnet_det.runtime.reference.interpreter import run_reference
from tests.packed.program_builder import ProgramBuilder
from tests.packed.programs import example_images
from tests.packed.reference_values import named, nchw, nhwc, plain_map, traced, unpacked_signs

from .test_exact_fma import exact_fma


def pad(x, term, value):
    return F.pad(x, [term.padding] * 4, value=value)


@pytest.mark.parametrize("packed", named("bits-"))
def test_convolutions_of_signs(packed):
    maps = traced(packed)
    (term,) = packed.program.steps[1].branches[0].terms
    source = packed.program.buffers[term.input]
    weight = unpacked_signs(packed.tensors[term.weight], source.channels).double()
    x = pad(1 - 2 * nchw(maps[0, term.input]), term, 1 - 2 * source.pad)
    expected = F.conv2d(x, weight, stride=term.stride, dilation=term.dilation)
    assert torch.equal(maps[1, packed.program.outputs["out"]], nhwc(expected).float())


@pytest.mark.parametrize("packed", named("float-"))
def test_convolutions_of_floats(packed):
    maps = traced(packed)
    (term,) = packed.program.steps[1].branches[0].terms
    x = pad(nchw(maps[0, term.input]), term, packed.program.buffers[term.input].pad)
    weight = nchw(packed.tensors[term.weight])
    expected = F.conv2d(x, weight, stride=term.stride, dilation=term.dilation)
    result = maps[1, packed.program.outputs["out"]]
    torch.testing.assert_close(result, nhwc(expected).float(), rtol=1e-4, atol=1e-4)


def test_order_of_a_convolution_of_floats():
    b = ProgramBuilder()
    source, out = b.floats(4, pad=0.75), b.floats(2)
    b.stem(4, Sinks(float_=source))
    term = b.float_term(source, 2, 2, padding=1)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    packed = b.build()
    maps = traced(packed, torch.randint(0, 256, (1, 3, 4, 3), dtype=torch.uint8))
    x = F.pad(maps[0, source], (0, 0, 1, 1, 1, 1), value=0.75)[0]
    weight = packed.tensors[term.weight]
    for y, column, channel in itertools.product(range(4), range(5), range(2)):
        total = 0.0
        for i, j, c in itertools.product(range(2), range(2), range(4)):
            read, factor = x[y + i, column + j, c].item(), weight[channel, i, j, c].item()
            total = exact_fma(read, factor, total)
        assert maps[1, out][0, y, column, channel].item() == total


@pytest.mark.parametrize("packed", named("stem-"))
def test_stems(packed):
    (step,) = packed.program.steps
    images = example_images(packed)
    weight = nchw(packed.tensors[step.weight])
    # The added channel as what it stands for: a number taken from all pixels, but not the padding.
    shift = weight[:, -1:].expand(-1, 1, -1, -1) * 255
    x, ones = nchw(images), torch.ones(len(images), 1, *images.shape[1:3]).double()
    options = {"stride": step.stride, "padding": step.padding}
    total = F.conv2d(x, weight[:, :-1], **options) + F.conv2d(ones, shift, **options)
    if step.pool:
        room = step.pool.padding
        total = F.pad(total, [room] * 4, value=-torch.inf)
        total = F.max_pool2d(total, step.pool.kernel, step.pool.stride)
    expected = plain_map(nhwc(total).float(), step.map, packed.tensors)
    assert torch.equal(expected, run_reference(packed, images)["out"])


def without_maps(packed):
    """The same program, its last step without maps, for the values that they get."""
    *steps, last = packed.program.steps
    (branch,) = last.branches
    terms = [dataclasses.replace(term, map=Map()) for term in branch.terms]
    results = []
    for term in terms:
        plain = dataclasses.replace(branch, terms=(term,), final=Map())
        step = dataclasses.replace(last, branches=(plain,))
        program = dataclasses.replace(packed.program, steps=(*steps, step))
        results.append(dataclasses.replace(packed, program=program))
    return results


@pytest.mark.parametrize("packed", [*named("map-"), *named("offset-")])
def test_maps_of_terms_and_of_their_sum(packed):
    images = example_images(packed)
    (branch,) = packed.program.steps[-1].branches
    values = [
        plain_map(run_reference(p, images)["out"], term.map, packed.tensors)
        for p, term in zip(without_maps(packed), branch.terms, strict=True)
    ]
    total = values[0] if len(values) == 1 else values[0] + values[1]
    expected = plain_map(total, branch.final, packed.tensors)
    assert torch.equal(run_reference(packed, images)["out"], expected)


@pytest.mark.parametrize("packed", named("offset-"))
def test_zero_one_activations(packed):
    # sum(w a) + offset' / 2 with a of {0, 1} padded with 0, w of {-1, 1}.
    maps = traced(packed)
    (branch,) = packed.program.steps[1].branches
    (term,) = branch.terms
    channels = packed.program.buffers[term.input].channels
    weight = unpacked_signs(packed.tensors[term.weight], channels).double()
    a = 1 - nchw(maps[0, term.input])
    n = weight[0].numel()
    rest = packed.tensors[term.offset] - n - weight.sum((1, 2, 3))
    expected = nhwc(F.conv2d(a, weight, padding=1)) + rest / 2
    (plain,) = without_maps(packed)
    assert torch.equal(run_reference(plain, example_images(packed))["out"], 2 * expected.float())


@pytest.mark.parametrize("packed", named("sinks-"))
def test_sinks(packed):
    maps = traced(packed)
    step = packed.program.steps[1]
    sinks = step.branches[0].sinks
    extra = len(packed.program.buffers)
    channels = packed.program.buffers[sinks.bits[0].buffer].channels
    program = packed.program
    kept = dataclasses.replace(sinks, float_=extra)
    branch = dataclasses.replace(step.branches[0], sinks=kept)
    program = dataclasses.replace(
        program,
        buffers=(
            *program.buffers,
            Buffer(kind="float", channels=channels),
        ),
        steps=(program.steps[0], dataclasses.replace(step, branches=(branch,)), program.steps[2]),
    )
    v = traced(dataclasses.replace(packed, program=program))[1, extra].tolist()
    get = packed.tensors
    for image, row, column, c in itertools.product((0, 1), (0, 12), (0, 8), range(channels)):
        value = v[image][row][column][c]
        at = (image, row, column, c)
        for sink in sinks.bits:
            bit = value < (get[sink.threshold][c] if sink.threshold else 0)
            bit ^= bool(sink.invert and get[sink.invert][c])
            assert maps[1, sink.buffer][at] == bit
        for sink in sinks.levels:
            number = sum(value >= t for t in get[sink.thresholds][:, c].tolist())
            assert maps[1, sink.buffer][at] == get[sink.values][number, c]


def test_mean_adds_pixel_by_pixel():
    b = ProgramBuilder()
    source, mean = b.floats(5), b.floats(5)
    b.stem(5, Sinks(float_=source))
    b.steps.append(Mean(name="mean", input=source, output=mean))
    b.outputs = {"map": source, "mean": mean}
    packed = b.build()
    result = run_reference(packed, example_images(packed))
    total = np.zeros((2, 5), np.float32)
    for pixel in result["map"].flatten(1, 2).unbind(1):
        total = total + pixel.numpy()
    expected = total * np.float32(1 / (13 * 17))
    assert torch.equal(result["mean"], torch.from_numpy(expected)[:, None, None])
