"""Sizes of canvases, of what is resized or pooled, and of residuals that stand for more pixels."""

import dataclasses

import pytest

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.shapes import buffer_shapes
from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import BitsSink, Sinks
from groupnet_det.packed.validation import validate

from .program_builder import ProgramBuilder
from .programs import example_packed_files

EXAMPLES = dict(example_packed_files())


def shapes_of(packed, size):
    return buffer_shapes(packed.program, packed.tensors, (1, *size, 3))


@pytest.mark.parametrize("op", ["resize", "interpolate"])
def test_resizing_to_more_than_the_factor_says(op):
    b = ProgramBuilder()
    full, small = b.floats(3), b.floats(3)
    b.stem(3, Sinks(float_=full))
    b.stem(3, Sinks(float_=small), kernel=1, padding=0, stride=4)
    b.outputs["out"] = getattr(b, op)(small, 3, full)
    for size in ((1, 1), (3, 3), (9, 6)):
        shapes = buffer_shapes(b.program(), b.tensors, (1, *size, 3))
        assert shapes[b.outputs["out"]] == (1, *size, 3)
    for size in ((4, 4), (3, 4), (4, 3)):
        with pytest.raises(PackedFileError, match=f"to {size[0]} x {size[1]}, more than 3 times"):
            buffer_shapes(b.program(), b.tensors, (1, *size, 3))


@pytest.mark.parametrize("factor", [0, 1, 2, 3, 5])
def test_sizes_of_residuals(factor):
    b = ProgramBuilder()
    signs, coarse, out = b.bits(4), b.floats(4), b.floats(4)
    b.stem(4, Sinks(float_=coarse), kernel=1, padding=0, stride=2)
    b.stem(4, Sinks(bits=(BitsSink(buffer=signs),)))
    terms = (b.bits_term(signs, 4, padding=1),)
    branch = Branch(terms=terms, residual=coarse, residual_factor=factor)
    b.conv(dataclasses.replace(branch, sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    fits = {0: 2, 1: 1, 2: 13, 3: 4, 5: 2}  # the greatest sides, whose half, rounded up, is meant
    side = fits[factor]
    buffer_shapes(b.program(), b.tensors, (1, side, side, 3))
    if factor != 2:
        with pytest.raises(PackedFileError, match="'conv2' adds maps of different sizes"):
            buffer_shapes(b.program(), b.tensors, (1, 9, 9, 3))


def test_large_canvases():
    packed = EXAMPLES["canvas-32-plain"]
    assert shapes_of(packed, (33, 64))[0] == (1, 64, 64, 18)
    b = ProgramBuilder(size_divisor=4096)
    b.stem(1, Sinks(float_=b.floats(1)), kernel=1, padding=0, stride=4096)
    b.outputs["out"] = 0
    assert buffer_shapes(b.program(), b.tensors, (1, 1, 8192, 3))[0] == (1, 1, 2, 1)
    with pytest.raises(DataError, match=r"the canvas of the images would have .* more than 21474"):
        buffer_shapes(b.program(), b.tensors, (50, 1, 8192, 3))


def test_a_map_that_resizing_makes_too_large():
    b = ProgramBuilder()
    fine, coarse = b.floats(1), b.floats(100)
    b.stem(1, Sinks(float_=fine))
    b.stem(100, Sinks(float_=coarse), kernel=1, padding=0, stride=16)
    b.outputs["out"] = b.resize(coarse, 16, fine)
    validate(b.program(), b.tensors)
    with pytest.raises(DataError, match=r"'resize2' would have .* more than 2147483647 elements"):
        buffer_shapes(b.program(), b.tensors, (1, 5000, 5000, 3))


def test_poolings_that_do_not_fit():
    packed = EXAMPLES["max-pool-k13-s1-p6"]
    assert shapes_of(packed, (1, 1))[packed.program.outputs["out"]][1:3] == (1, 1)
    b = ProgramBuilder()
    source = b.floats(2)
    b.stem(2, Sinks(float_=source))
    b.outputs["out"] = b.max_pool(source, 5, 1, 1)
    with pytest.raises(DataError, match="step 'max_pool1' does not fit on its input of 2 x 9"):
        buffer_shapes(b.program(), b.tensors, (1, 2, 9, 3))
