"""Refusals of the parts of a program."""

import dataclasses
import math

import pytest
import torch

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.program import Program
from groupnet_det.packed.program_json import from_json, to_json
from groupnet_det.packed.steps.parts import Sinks
from groupnet_det.packed.validation import validate

from .edits import MISSING, edited
from .program_builder import ProgramBuilder
from .programs import example_packed_files, simple_example
from .refusals import refused_with

PARTS = dict(example_packed_files())["tiny-pyramid"]
BOX = ("parts", "box")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*BOX, "parts"), {"more": to_json(PARTS.program.parts["mask"])}, "part 'box': it has par"),
        ((*BOX, "size_divisor"), 2, "part 'box': it has a size_divisor"),
        ((*BOX, "input_channels"), 0, "part 'box': input_channels is 0"),
        ((*BOX, "input_channels"), 25, "part 'box': step 0 .*: a map of 25 channels goes to"),
        ((*BOX, "buffers"), [], "part 'box': the number of buffers is 0"),
        ((*BOX, "steps"), [], "part 'box': the number of steps is 0"),
        ((*BOX, "outputs"), {}, "part 'box': outputs: there is none"),
        ((*BOX, "outputs", "more"), 1, "part 'box': outputs: 'more' is buffer 1, which is not of"),
        ((*BOX, "buffers", 0, "pad"), 2, "part 'box': buffer 0 of bits has the pad 2"),
        ((*BOX, "steps", 1, "name"), 1, "parts.box.steps.1..name is of the type int"),
        ((*BOX, "steps", 0, "op"), "stem", "unknown members|missing members"),
        (
            ("parts", "mask", "steps", 4, "like"),
            MISSING,
            "like is missing; in a part there is no im",
        ),
        (("parts",), [], "program.parts is of the type list"),
        (("parts",), {"a": 3}, "program.parts.a is of the type int"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_wrong_parts(path, value, message):
    refused_with(PARTS, path, value, message)


def test_an_interpolation_in_a_part_needs_a_size():
    tree = edited(to_json(PARTS.program), ("parts", "mask", "steps", 4, "op"), "interpolate")
    validate(from_json(tree), PARTS.tensors)
    tree = edited(tree, ("parts", "mask", "steps", 4, "like"), MISSING)
    with pytest.raises(PackedFileError, match="like is missing; in a part there is no image"):
        validate(from_json(tree), PARTS.tensors)


def steps_of_part(change):
    part = PARTS.program.parts["box"]
    changed = dataclasses.replace(part, steps=tuple(change(list(part.steps))))
    return dataclasses.replace(PARTS.program, parts={**PARTS.program.parts, "box": changed})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[1:], "part 'box': step 0 .*the first step of a part, and no other, is an inp"),
        (lambda s: [s[0], s[0], *s[1:]], "step 1 .*no other, is an input; this is a input"),
        (lambda s: [s[1], s[0], *s[2:]], "step 0 .*this is a conv"),
        (lambda s: [PARTS.program.steps[0], *s[1:]], "step 0 .*this is a stem"),
        (lambda s: [s[0], PARTS.program.steps[0], *s[1:]], "step 1 .*no image, and no stem"),
    ],
    ids=["absent", "twice", "late", "stem-first", "stem"],
)
def test_a_part_starts_with_its_input(change, message):
    with pytest.raises(PackedFileError, match=message):
        validate(steps_of_part(change), PARTS.tensors)


def test_an_input_is_for_parts():
    part = PARTS.program.parts["box"]
    with pytest.raises(
        PackedFileError, match=r"step 0 .*input is for parts; the program runs on im"
    ):
        validate(dataclasses.replace(part), PARTS.tensors)


def test_buffers_of_a_part_are_its_own():
    b = ProgramBuilder()
    image = b.floats(3)
    b.stem(3, Sinks(float_=image))
    b.outputs["image"] = image
    part = b.part("part", 3)
    unwritten, out = part.floats(3), part.floats(3)
    part.input(Sinks(float_=out))
    part.outputs["out"] = unwritten  # number 0, which the program has written, but not the part
    with pytest.raises(PackedFileError, match="part 'part': outputs: 'out' reads buffer 0 before"):
        validate(b.program(), b.tensors)
    part.outputs["out"] = out
    validate(b.program(), b.tensors)


def test_tensors_of_parts_count_as_used():
    alone = dataclasses.replace(PARTS.program, parts={})
    with pytest.raises(PackedFileError, match="no step names the tensors"):
        validate(alone, PARTS.tensors)


def test_tensors_of_parts_are_checked():
    name = PARTS.program.parts["box"].steps[0].sinks.bits[0].threshold
    wrong = torch.full_like(PARTS.tensors[name], math.nan)
    with pytest.raises(PackedFileError, match=r"part 'box': step 0 .*has values that are NaN"):
        validate(PARTS.program, {**PARTS.tensors, name: wrong})


def test_most_parts():
    program = PARTS.program
    for number in (64, 65):
        parts = {f"p{i}": program.parts["box"] for i in range(number - 1)}
        many = dataclasses.replace(program, parts={**parts, "mask": program.parts["mask"]})
        if number == 64:
            validate(many, PARTS.tensors)
        else:
            with pytest.raises(PackedFileError, match="number of parts is 65; valid: 0 to 64"):
                validate(many, PARTS.tensors)


def test_names_of_parts_are_cut():
    packed = simple_example(channels=3)
    empty = Program(input_channels=0, buffers=(), steps=(), outputs={})
    program = dataclasses.replace(packed.program, parts={"x" * 10_000: empty})
    with pytest.raises(PackedFileError) as caught:
        validate(program, packed.tensors)
    assert len(str(caught.value)) < 200
