"""Parts and canvases in the reference."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.reference.interpreter import (
    run_reference,
    run_reference_part,
    trace_reference,
    trace_reference_part,
)
from tests.packed.programs import example_images, example_maps, example_packed_files
from tests.packed.reference_values import nchw, nhwc, plain_map, same

EXAMPLES = dict(example_packed_files())
WITH_PARTS = {name: p for name, p in EXAMPLES.items() if p.program.parts}
PARTS = [
    pytest.param(p, part, id=f"{name}-{part}")
    for name, p in WITH_PARTS.items()
    for part in p.program.parts
]


@pytest.mark.parametrize(("packed", "part"), PARTS)
def test_batches_files_and_traces_of_parts_agree(packed, part, tmp_path):
    maps = example_maps(packed, part)
    whole = run_reference_part(packed, part, maps)
    assert set(whole) == set(packed.program.parts[part].outputs)
    write_packed(tmp_path / "a.gnp", packed.program, packed.info, packed.tensors)
    read = read_packed(tmp_path / "a.gnp")
    assert read.program == packed.program
    alone = run_reference_part(read, part, maps[1:2])
    for name, value in whole.items():
        assert value.dtype == torch.float32
        assert value.is_contiguous()
        assert same(value[1:2], alone[name])
    steps, buffers, contents = trace_reference_part(packed, part, maps)
    program = packed.program.parts[part]
    assert set(steps) == set(range(len(program.steps)))
    for name, buffer in program.outputs.items():
        last = max(i for i, b in enumerate(buffers) if b == buffer)
        assert same(contents[last], whole[name])
    kinds = {"float": torch.float32, "bits": torch.uint8, "bytes": torch.uint8}
    for buffer, content in zip(buffers, contents, strict=True):
        assert content.dtype == kinds[program.buffers[buffer].kind]


@pytest.mark.parametrize("packed", [pytest.param(p, id=n) for n, p in WITH_PARTS.items()])
def test_parts_do_not_change_the_whole(packed):
    images = example_images(packed)
    alone = dataclasses.replace(packed.program, parts={})
    expected = run_reference(dataclasses.replace(packed, program=alone), images)
    assert all(torch.equal(v, expected[k]) for k, v in run_reference(packed, images).items())


@pytest.mark.parametrize("act", ["none", "relu", "prelu"])
def test_an_input_goes_through_its_map(act):
    packed = WITH_PARTS["part-sinks-33"]
    maps = example_maps(packed, act)
    maps[0, 0, 0, :3] = torch.tensor([torch.inf, -torch.inf, torch.nan])
    step = packed.program.parts[act].steps[0]
    _, buffers, contents = trace_reference_part(packed, act, maps)
    found = dict(zip(buffers, contents, strict=True))
    v = plain_map(maps, step.map, packed.tensors)
    assert same(found[step.sinks.float_], v)
    assert torch.equal(found[step.sinks.bits[0].buffer], (~(v >= 0)).to(torch.uint8))
    levels = step.sinks.levels[0]
    number = sum((v >= row).long() for row in packed.tensors[levels.thresholds])
    assert torch.equal(
        found[levels.buffer], packed.tensors[levels.values][number, torch.arange(33)]
    )
    sink = step.sinks.bytes[0]
    expected = ((v * sink.scale).round() + sink.zero).clamp(0, 255).nan_to_num(0)
    assert torch.equal(found[sink.buffer].float(), expected)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (torch.zeros(1, 6, 6, 24).double(), "maps have the type torch.float64; expected is a floa"),
        (torch.zeros(1, 6, 6, 24, dtype=torch.uint8), r"type torch.uint8; .*shape \(N, H, W, 24\)"),
        (torch.zeros(6, 6, 24), r"maps have the shape \(6, 6, 24\)"),
        (torch.zeros(1, 24, 6, 6), r"shape \(1, 24, 6, 6\)"),
        (torch.zeros(0, 6, 6, 24), "hold no pixel"),
        (torch.zeros(1, 3, 6, 24), "'conv1' does not fit on its input of 3 x 6"),
        (torch.zeros(1).expand(1, 30000, 30000, 24), "the maps would have .* more than 2147483647"),
        (None, "maps are of the type NoneType"),
    ],
    ids=["double", "bytes", "rank", "nchw", "none", "small", "huge", "nothing"],
)
def test_bad_maps(maps, message):
    for run in (run_reference_part, trace_reference_part):
        with pytest.raises(DataError, match=message):
            run(WITH_PARTS["tiny-pyramid"], "box", maps)


def test_a_part_that_there_is_not():
    packed = WITH_PARTS["tiny-pyramid"]
    with pytest.raises(PackedFileError, match=r"no part 'head'; it has: \['box', 'mask'\]"):
        run_reference_part(packed, "head", example_maps(packed, "box"))


@pytest.mark.parametrize(
    "packed", [pytest.param(p, id=n) for n, p in EXAMPLES.items() if n.startswith("canvas-")]
)
@pytest.mark.parametrize("size", [(13, 17), (14, 21), (32, 32), (1, 1)], ids=str)
def test_canvases(packed, size):
    step, divisor = packed.program.steps[0], packed.program.size_divisor
    images = example_images(packed, height=size[0], width=size[1])
    steps, buffers, contents = trace_reference(packed, images)
    height, width = (-(-side // divisor) * divisor for side in size)
    x = F.pad(nchw(images), (0, width - size[1], 0, height - size[0]))
    inside = torch.zeros(2, 1, height, width, dtype=torch.float64)
    inside[:, :, : size[0], : size[1]] = 255
    weight = nchw(packed.tensors[step.weight])
    total = F.conv2d(torch.cat([x, inside], 1), weight, stride=step.stride, padding=step.padding)
    if step.pool:
        room = step.pool.padding
        total = F.pad(total, [room] * 4, value=-torch.inf)  # what the canvas adds is inside
        total = F.max_pool2d(total, step.pool.kernel, step.pool.stride)
    expected = plain_map(nhwc(total).float(), step.map, packed.tensors)
    assert (steps[0], buffers[0]) == (0, step.sinks.float_)
    assert torch.equal(contents[0], expected)


def test_a_canvas_is_not_an_image_with_black_around():
    # Black pixels have the mean taken from them, the canvas has not.
    packed = EXAMPLES["canvas-7-plain"]
    images = example_images(packed, height=13, width=14)
    black = F.pad(images, (0, 0, 0, 0, 0, 1))
    a, b = (run_reference(packed, x)["out"] for x in (images, black))
    assert a.shape == b.shape == (2, 14, 14, 18)
    assert torch.equal(a[:, :12], b[:, :12])
    assert not torch.equal(a[:, 13], b[:, 13])


@pytest.mark.parametrize("size", [(13, 17), (8, 8), (16, 30), (1, 1)], ids=str)
def test_small_detectors_take_images_of_any_size(size):
    packed = WITH_PARTS["tiny-pyramid"]
    outputs = run_reference(packed, example_images(packed, height=size[0], width=size[1]))
    canvas = [-(-side // 8) * 8 for side in size]
    for level in range(3):
        sides = [-(-side // (4 << level)) for side in canvas]
        assert outputs[f"logits.p{level}"].shape == (2, *sides, 9)
        assert outputs[f"p{level}"].shape == (2, *sides, 24)
    segmenter = EXAMPLES["tiny-segmenter"]
    images = example_images(segmenter, height=size[0], width=size[1])
    canvas = [-(-side // 4) * 4 for side in size]
    assert run_reference(segmenter, images)["logits"].shape == (2, *canvas, 7)
