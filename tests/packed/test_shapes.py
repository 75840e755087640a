import itertools

import pytest
import torch

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.shapes import buffer_shapes
from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import BitsSink, Pool, Sinks
from groupnet_det.packed.steps.sizes import out_size
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference

from .program_builder import ProgramBuilder
from .programs import example_images, example_packed_files, simple_example


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_out_size(kernel):
    for stride, padding, dilation in itertools.product((1, 2, 3), (0, 1, 4), (1, 2, 5)):
        layer = torch.nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        options = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        for size in range(1, 14):
            found = out_size(size, **options)
            if size + 2 * padding < dilation * (kernel - 1) + 1:
                assert found == 0
            else:
                assert layer(torch.zeros(1, 1, size)).shape[2] == found


@pytest.mark.parametrize(
    "packed", [pytest.param(packed, id=name) for name, packed in example_packed_files()]
)
def test_shapes_are_those_of_the_maps(packed):
    images = example_images(packed, batch=1)
    shapes = buffer_shapes(packed.program, packed.tensors, tuple(images.shape))
    _, buffers, contents = trace_reference(packed, images)
    for buffer, content in zip(buffers, contents, strict=True):
        assert shapes[buffer] == content.shape


def shapes_of(b, size=(1, 13, 17, 3)):
    return shapes_of_packed(b.build(), size)


def shapes_of_packed(packed, size):
    return buffer_shapes(packed.program, packed.tensors, size)


def test_no_maps_are_made_to_learn_their_shapes():
    packed = simple_example(channels=1)
    shapes = buffer_shapes(packed.program, packed.tensors, (1, 8_000, 16_000, 3))
    assert shapes[0] == (1, 8_000, 16_000, 1)


@pytest.mark.parametrize(
    "images", [(2**31, 1, 1, 3), (1, 2**30, 2**30, 3), (1, 30_000, 30_000, 3)], ids=str
)
def test_too_many_elements(images):
    packed = simple_example(channels=3)
    with pytest.raises(DataError, match=r"would have .* more than 2147483647 elements"):
        buffer_shapes(packed.program, packed.tensors, images)


def test_channels_count_in_whole_blocks_and_with_their_border():
    packed = simple_example(channels=1)
    with pytest.raises(DataError, match="more than"):
        shapes_of_packed(packed, (1, 11_600, 11_600, 3))  # times 16
    b = ProgramBuilder()
    source, out = b.bits(16), b.floats(16)
    b.stem(16, Sinks(bits=(BitsSink(buffer=source),)))
    term = b.bits_term(source, 16, 1, padding=4000, stride=4096)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    shapes_of(b, (1, 1000, 1000, 3))
    with pytest.raises(DataError, match="buffer 0 with its border would have"):
        shapes_of(b, (1, 4000, 4000, 3))


def test_a_map_before_its_pooling_counts():
    b = ProgramBuilder()
    out = b.floats(64)
    b.stem(64, Sinks(float_=out), pool=Pool(kernel=100, stride=100, padding=0))
    with pytest.raises(DataError, match="more than"):
        shapes_of(b, (1, 7000, 7000, 3))
    with pytest.raises(DataError, match="'stem0' does not fit on its input of 13 x 17"):
        shapes_of(b)


def program(*, second, residual_stride=None):
    """Two terms, the second one with these options, and a residual of that stride."""
    b = ProgramBuilder()
    source, out, residual = b.bits(4), b.floats(4), b.floats(4)
    b.stem(4, Sinks(bits=(BitsSink(buffer=source),)))
    b.stem(4, Sinks(float_=residual), stride=residual_stride or 1)
    terms = (b.bits_term(source, 4, padding=1), b.bits_term(source, 4, **second))
    used = None if residual_stride is None else residual
    b.conv(Branch(terms=terms, residual=used, sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    return b


def test_maps_of_other_sizes_in_one_sum():
    shapes_of(program(second={"padding": 1}, residual_stride=1))
    for b in (program(second={}), program(second={"padding": 1}, residual_stride=2)):
        with pytest.raises(PackedFileError, match="step 'conv2' adds maps of different sizes"):
            shapes_of(b)
        packed = b.build()
        with pytest.raises(PackedFileError, match="different sizes"):
            run_reference(packed, example_images(packed))


def test_sizes_that_agree_for_some_images_only():
    b = program(second={"kernel": 1, "stride": 1, "padding": 0}, residual_stride=2)
    with pytest.raises(PackedFileError, match="different sizes"):
        shapes_of(b)
    assert shapes_of(b, (1, 1, 1, 3))[1] == (1, 1, 1, 4)


def test_branches_of_different_sizes():
    b = ProgramBuilder()
    source = b.bits(4)
    outs = [b.floats(4), b.floats(4)]
    b.stem(4, Sinks(bits=(BitsSink(buffer=source),)))
    branches = [
        Branch(terms=(b.bits_term(source, 4, padding=k),), sinks=Sinks(float_=outs[k]))
        for k in range(2)
    ]
    b.conv(*branches)
    with pytest.raises(PackedFileError, match="different sizes"):
        shapes_of(b)


def test_a_buffer_has_one_size():
    b = ProgramBuilder()
    out = b.floats(4)
    b.stem(4, Sinks(float_=out))
    b.stem(4, Sinks(float_=out))
    assert shapes_of(b)[out] == (1, 13, 17, 4)
    b.stem(4, Sinks(float_=out), stride=2)
    with pytest.raises(PackedFileError, match=r"step 'stem2' writes .* to buffer 0, whose shape"):
        shapes_of(b)
