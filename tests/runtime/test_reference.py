"""The reference, held against other ways to the same numbers: those of torch, and plain loops."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from groupnet_det.runtime.packed_file import read_packed, write_packed
from groupnet_det.runtime.program import Branch, Buffer, Conv, Map, Mean, Sinks, Stem
from groupnet_det.runtime.reference import run_reference, trace_reference
from groupnet_det.runtime.sign_bits import unpack_sign_bits
from tests.runtime.program_builder import ProgramBuilder
from tests.runtime.programs import example_images, example_packed_files
from tests.runtime.test_exact_fma import exact_fma

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


def pad(x, term, value):
    return F.pad(x, [term.padding] * 4, value=value)


@pytest.mark.parametrize("packed", named("bits-"))
def test_convolutions_of_signs(packed):
    maps = traced(packed)
    (term,) = packed.program.steps[1].branches[0].terms
    source = packed.program.buffers[term.input]
    weight = unpack_sign_bits(packed.tensors[term.weight], source.channels).double()
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
    weight = unpack_sign_bits(packed.tensors[term.weight], channels).double()
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
    expected = [b for s in last.sinks() for b in s.buffers()]
    assert [b for s, b in zip(steps, buffers, strict=True) if s == steps[-1]] == expected
    assert isinstance(packed.program.steps[0], Stem)
