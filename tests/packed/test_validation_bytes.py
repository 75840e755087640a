"""Refusals of buffers of bytes and of convolutions of 8 bits."""

import math

import pytest
import torch

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.steps.conv import Branch
from groupnet_det.packed.steps.parts import BytesSink, Sinks
from groupnet_det.packed.validation import validate

from .edits import MISSING
from .program_builder import ProgramBuilder
from .programs import example_packed_files
from .refusals import refused_with

EXAMPLES = dict(example_packed_files())
HUGE = 2**62


def bytes_program(channels=4, c_out=2, kernel=1):
    b = ProgramBuilder()
    source, out = b.bytes(channels, 5), b.floats(c_out)
    b.stem(channels, Sinks(bytes=(b.bytes_sink(source, 1.0),)))
    term = b.bytes_term(source, c_out, kernel)
    b.conv(Branch(terms=(term,), sinks=Sinks(float_=out)))
    b.outputs["out"] = out
    return b, term


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("scale", 0.0, "scale is 0.0, which is no number of float32 above 0"),
        ("scale", -1.0, "scale is -1.0"),
        ("scale", 0.1, "scale is 0.1, which is no number of float32"),
        ("scale", 1e300, "scale is 1e.300"),
        ("scale", math.nan, "scale is nan"),
        ("scale", math.inf, "scale is inf"),
        ("scale", "1", "scale is of the type str, not float"),
        ("zero", 4, "zero is 4, and the pad of buffer 0 is 5.0"),
        ("zero", 261, "zero is 261"),
        ("zero", -1, "zero is -1"),
        ("zero", HUGE, "zero is"),
        ("zero", 5.0, "zero is of the type float, not int"),
        ("zero", MISSING, "zero is 0, and the pad"),
        ("buffer", 1, "a sink is buffer 1, which is not of kind 'bytes'"),
        ("scale", MISSING, r"missing members \['scale'\]"),
    ],
)
def test_sinks_of_bytes(member, value, message):
    b, _ = bytes_program()
    refused_with(b.build(), ("steps", 0, "sinks", "bytes", 0, member), value, message)


@pytest.mark.parametrize("pad", [-1, 256, 0.5, 1e300, math.nan, math.inf])
def test_pads_of_bytes(pad):
    b, _ = bytes_program()
    refused_with(b.build(), ("buffers", 0, "pad"), pad, "of bytes has the pad .*; valid: 0 to 255")


def test_sinks_of_a_kind():
    b = ProgramBuilder()
    sinks = tuple(BytesSink(buffer=b.bytes(4), scale=1.0) for _ in range(65))
    b.stem(4, Sinks(bytes=sinks))
    with pytest.raises(PackedFileError, match="number of sinks of bytes is 65; valid: 0 to 64"):
        validate(b.program(), b.tensors)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.zeros(2, 1, 1, 4), "is torch.float32 .*; expected: torch.int8"),
        (torch.zeros(2, 1, 1, 4, dtype=torch.uint8), "is torch.uint8 .*; expected: torch.int8"),
        (torch.zeros(2, 1, 1, 5, dtype=torch.int8), "has 5 in its last size; expected: 4"),
        (torch.zeros(2, 4, dtype=torch.int8), "expected: torch.int8 of shape"),
        (torch.zeros(1, 1, 4097, 4, dtype=torch.int8), "kernel columns of .* is 4097"),
    ],
    ids=["float", "unsigned", "channels", "rank", "kernel"],
)
def test_weights_of_bytes(weight, message):
    b, term = bytes_program()
    with pytest.raises(PackedFileError, match=message):
        validate(b.program(), {**b.tensors, term.weight: weight})


def test_weights_of_bytes_are_for_bytes():
    packed = EXAMPLES["bytes-and-others"]
    weights = [term.weight for term in packed.program.steps[1].branches[0].terms]
    for k, expected in enumerate(("uint8", "int8", "float32")):
        path = ("steps", 1, "branches", 0, "terms", k, "weight")
        refused_with(packed, path, weights[k - 1], f"expected: torch.{expected}")


@pytest.mark.parametrize("value", [-128, 127])
def test_sums_of_bytes_must_fit_32_bits(value):
    b, term = bytes_program(channels=2048, c_out=1, kernel=(5, 7))
    weight = torch.zeros(1, 5, 7, 2048, dtype=torch.int8)
    most = (2**31 - 1) // 255
    flat = weight.view(-1)
    flat[: most // abs(value)] = value
    flat[-1] = most % abs(value)
    validate(b.program(), {**b.tensors, term.weight: weight})
    flat[-1] += 1
    with pytest.raises(PackedFileError, match="times bytes can overflow 32 bits"):
        validate(b.program(), {**b.tensors, term.weight: weight})


def test_too_many_products_of_bytes():
    b, term = bytes_program(channels=4096, c_out=1)
    weight = torch.zeros(1, 64, 64, 4096, dtype=torch.int8)
    with pytest.raises(PackedFileError, match=r"sums more than 2.24 products"):
        validate(b.program(), {**b.tensors, term.weight: weight})


def test_offsets_are_for_bits():
    b, _ = bytes_program()
    path = ("steps", 1, "branches", 0, "terms", 0, "offset")
    refused_with(b.build(), path, "t0", "an offset, which is for inputs of bits")


def test_outputs_and_residuals_are_floats():
    b, _ = bytes_program()
    refused_with(
        b.build(), ("outputs", "out"), 0, "'out' is buffer 0, which is not of kind 'float'"
    )
    path = ("steps", 1, "branches", 0, "residual")
    refused_with(b.build(), path, 0, "residual is buffer 0, which is not of kind 'float'")
