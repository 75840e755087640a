"""Refusals of resizing, pooling, layouts, residuals of other sizes."""

import dataclasses

import pytest

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.program_json import from_json, to_json
from groupnet_det.packed.steps.conv import Join
from groupnet_det.packed.steps.parts import Sinks
from groupnet_det.packed.validation import validate

from .edits import edited
from .program_builder import ProgramBuilder
from .programs import example_packed_files
from .refusals import refused_with

EXAMPLES = dict(example_packed_files())
HUGE = 2**62


def last(name, *path):
    return ("steps", len(EXAMPLES[name].program.steps) - 1, *path)


POOL = last("max-pool-k3-s2-p1", "pool")
NAMES = {
    "resize": "resize-2-3-like",
    "interpolate": "interpolate-2-3-like",
    "pool": "max-pool-k3-s2-p1",
    "layout": "depth-to-space-2-6",
}


@pytest.mark.parametrize("value", [-1, 0, 4097, HUGE])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("resize-2-3", last("resize-2-3", "factor")),
        ("interpolate-2-3", last("interpolate-2-3", "factor")),
        ("depth-to-space-2-6", last("depth-to-space-2-6", "factor")),
        ("max-pool-k3-s2-p1", (*POOL, "stride")),
        ("max-pool-k3-s2-p1", (*POOL, "kernel")),
        ("canvas-7-plain", ("size_divisor",)),
    ],
    ids=["resize", "interpolate", "depth-to-space", "stride", "kernel", "divisor"],
)
def test_numbers_in_range(name, path, value):
    refused_with(EXAMPLES[name], path, value, f"{path[-1]} is {value}; valid: 1 to 4096")


def test_paddings_of_poolings():
    for value in (-1, 3):
        path = (*POOL, "padding")
        refused_with(
            EXAMPLES["max-pool-k3-s2-p1"], path, value, f"padding is {value}; valid: 0 to 2"
        )


@pytest.mark.parametrize("value", [-1, 4097, HUGE])
def test_residual_factors(value):
    path = last("residual-2", "branches", 0, "residual_factor")
    refused_with(
        EXAMPLES["residual-2"], path, value, f"residual_factor is {value}; valid: 0 to 4096"
    )


def test_a_factor_needs_a_residual():
    for value in (0, 2):
        path = last("bytes-k1-s1-p0-d1", "branches", 0, "residual_factor")
        refused_with(
            EXAMPLES["bytes-k1-s1-p0-d1"], path, value, "has a residual_factor, and no resid"
        )


@pytest.mark.parametrize("joined", [False, True], ids=["apart", "joined"])
def test_in_place_goes_only_pixel_by_pixel(joined):
    name = "residual-1-joined" if joined else "residual-1"
    packed = EXAMPLES[name]
    step = packed.program.steps[-1]
    residual = step.branches[0].residual
    sinks = Sinks(float_=residual)
    if joined:
        changed = dataclasses.replace(step, join=Join(merged=sinks))
    else:
        changed = dataclasses.replace(
            step, branches=(dataclasses.replace(step.branches[0], sinks=sinks),)
        )
    program = dataclasses.replace(
        packed.program, steps=(*packed.program.steps[:-1], changed), outputs={"out": residual}
    )
    validate(program, packed.tensors)
    for factor in (0, 2):
        path = ("steps", 2, "branches", 0, "residual_factor")
        tree = edited(to_json(program), path, factor)
        with pytest.raises(PackedFileError, match=rf"residual_factor of {factor}; in place it has"):
            validate(from_json(tree), packed.tensors)


ONE_TO_ONE = [
    pytest.param(EXAMPLES[NAMES[kind]], len(EXAMPLES[NAMES[kind]].program.steps) - 1, id=kind)
    for kind in NAMES
]


@pytest.mark.parametrize(("packed", "index"), ONE_TO_ONE)
def test_steps_of_one_input(packed, index):
    step, number = packed.program.steps[index], len(packed.program.buffers)
    at = ("steps", index)
    for member in ("input", "output"):
        refused_with(
            packed, (*at, member), number, f"{member} is buffer {number}; there are {number}"
        )
    buffers = to_json(packed.program)["buffers"]
    for member in ("input", "output"):
        for kind in ("bits", "bytes"):
            changed = {"kind": kind, "channels": buffers[getattr(step, member)]["channels"]}
            tree = edited(to_json(packed.program), ("buffers", getattr(step, member)), changed)
            with pytest.raises(PackedFileError, match="which is not of kind 'float'"):
                validate(from_json(tree), packed.tensors)
    path = ("buffers", step.output, "channels")
    refused_with(
        packed, path, buffers[step.output]["channels"] + 1, "output has other channels than"
    )
    unwritten = {"kind": "float", "channels": buffers[step.input]["channels"]}
    tree = edited(to_json(packed.program), ("buffers",), [*buffers, unwritten])
    tree = edited(tree, (*at, "input"), number)
    with pytest.raises(PackedFileError, match=f"input reads buffer {number} before it is written"):
        validate(from_json(tree), packed.tensors)


def test_into_what_is_read():
    packed = EXAMPLES["resize-2-3-like"]
    step = packed.program.steps[-1]
    refused_with(
        packed, last("resize-2-3-like", "output"), step.input, "input and output are one buf"
    )
    number = len(packed.program.buffers)
    path = last("resize-2-3-like", "like")
    refused_with(packed, path, step.output, "like reads buffer 2 before it is written")
    refused_with(packed, path, number, f"like is buffer {number}; there are {number}")
    b = ProgramBuilder()
    first = b.floats(3)
    b.stem(3, Sinks(float_=first))
    second = b.resize(first, 1)
    b.steps.append(dataclasses.replace(b.steps[-1], like=second))
    b.outputs["out"] = second
    with pytest.raises(PackedFileError, match="like and output are one buffer"):
        validate(b.program(), b.tensors)


def test_channels_of_layouts():
    packed = EXAMPLES["depth-to-space-2-6"]
    path = last("depth-to-space-2-6", "factor")
    refused_with(packed, path, 3, "than the 24 of the input, which are 3 x 3 times too many")
