import math

import pytest

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.program_json import from_json, to_json
from groupnet_det.packed.validation import validate

from .edits import MISSING, edited
from .programs import example_packed_files, simple_example

STEM, CONV, LAST, MEAN = (("steps", i) for i in range(4))
BRANCH = (*CONV, "branches", 0)
TERM = (*BRANCH, "terms", 0)
SINKS = (*BRANCH, "sinks")
HUGE = 2**62
# Where numbers stand that have to be positive and at most 4096.
GEOMETRY = [
    (*STEM, "stride"),
    (*TERM, "stride"),
    (*TERM, "dilation"),
    (*STEM, "pool", "kernel"),
    (*STEM, "pool", "stride"),
]
PADDING = [(*STEM, "padding"), (*TERM, "padding")]


def shown(path):
    return ".".join(map(str, path))


@pytest.fixture
def packed():
    return simple_example(channels=9)


def check(packed, path, value):
    tree = to_json(packed.program)
    tree["steps"][0].setdefault("pool", {"kernel": 3, "stride": 2, "padding": 1})
    validate(from_json(edited(tree, path, value)), packed.tensors)


def refused(packed, path, value, message=None):
    with pytest.raises(PackedFileError, match=message):
        check(packed, path, value)


@pytest.mark.parametrize(
    "packed", [pytest.param(packed, id=name) for name, packed in example_packed_files()]
)
def test_examples_are_valid(packed):
    validate(packed.program, packed.tensors)


@pytest.mark.parametrize("value", [-1, 0, 4097, HUGE, -HUGE])
@pytest.mark.parametrize("path", GEOMETRY, ids=shown)
def test_geometry(packed, path, value):
    refused(packed, path, value, f"{path[-1]} is {value}; valid: 1 to 4096")


@pytest.mark.parametrize("value", [-1, 4097, HUGE])
@pytest.mark.parametrize("path", PADDING, ids=shown)
def test_paddings(packed, path, value):
    refused(packed, path, value, f"padding is {value}; valid: 0 to 4096")


@pytest.mark.parametrize("value", [-1, 3, HUGE])
def test_padding_of_a_pool_is_smaller_than_its_kernel(packed, value):
    path = (*STEM, "pool", "padding")
    refused(packed, path, value, f"pool.padding is {value}; valid: 0 to 2")
    check(packed, path, 2)


@pytest.mark.parametrize("value", [-1, 0, 65537, HUGE])
def test_channels(packed, value):
    refused(packed, ("buffers", 0, "channels"), value, "buffer 0: channels is")
    refused(packed, ("input_channels",), value, "input_channels is .*; valid: 1 to 65536")


INDICES = [
    (*TERM, "input"),
    (*BRANCH, "residual"),
    (*SINKS, "float"),
    (*SINKS, "bits", 0, "buffer"),
    (*MEAN, "input"),
    (*MEAN, "output"),
    ("outputs", "logits"),
]


@pytest.mark.parametrize("value", [-1, 6, HUGE])
@pytest.mark.parametrize("path", INDICES, ids=shown)
def test_buffers_in_range(packed, path, value):
    refused(packed, path, value, f"is buffer {value}; there are 6")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*TERM, "input"), 1, "weight.*is torch.uint8 .*; expected: torch.float32"),
        ((*BRANCH, "residual"), 0, "residual is buffer 0, which is not of kind 'float'"),
        ((*SINKS, "float"), 2, "a sink is buffer 2, which is not of kind 'float'"),
        ((*SINKS, "bits", 0, "buffer"), 1, "a sink is buffer 1, which is not of kind 'bits'"),
        ((*MEAN, "input"), 0, "input is buffer 0, which is not of kind 'float'"),
        ((*MEAN, "output"), 0, "output is buffer 0, which is not of kind 'float'"),
        ((*MEAN, "output"), 3, "input and output are one buffer"),
        ((*MEAN, "output"), 5, "output has other channels than the 9"),
        (("outputs", "logits"), 0, "'logits' is buffer 0, which is not of kind 'float'"),
        (("outputs",), {}, "outputs: there is none"),
        ((*TERM, "input"), 2, r"reads buffer 2 before it is written"),
        ((*BRANCH, "residual"), 3, "residual reads buffer 3 before it is written"),
        ((*SINKS, "bits", 0, "buffer"), 0, r"terms\[0\] reads buffer 0, written here"),
        ((*SINKS, "float"), 5, "a map of 9 channels goes to buffer 5, which has 10"),
        ((*SINKS, "bits"), [{"buffer": 2}, {"buffer": 2}], r"written twice: \[1, 2, 2\]"),
        ((*SINKS,), MISSING, r"branches\[0\] must have sinks"),
        ((*SINKS,), {}, "nothing is written"),
        ((*CONV, "join"), {"merged": {"float": 3}}, r"branches\[0\] must have sinks where there"),
        ((*BRANCH, "terms"), [], r"number of branches\[0\].terms is 0; valid: 1 to 64"),
        ((*CONV, "branches"), [], "number of branches is 0; valid: 1 to 64"),
        (("steps",), [], "number of steps is 0; valid: 1 to 4096"),
        (("buffers",), [], "number of buffers is 0; valid: 1 to 16384"),
        (("buffers", 0, "kind"), "complex", "buffer 0 is of kind 'complex'; valid: .*'bits'"),
        (("buffers", 0, "pad"), 0.5, "buffer 0 of bits has the pad 0.5; valid: 0, 1"),
        (("buffers", 0, "pad"), 2, "buffer 0 of bits has the pad 2.0; valid: 0, 1"),
        (("buffers", 1, "pad"), 0.1, "pad 0.1, which is no number of float32"),
        (("buffers", 1, "pad"), 1e300, "pad 1e.300, which is no number of float32"),
        (("buffers", 1, "pad"), math.inf, "which is no number of float32"),
        (("buffers", 1, "pad"), math.nan, "which is no number of float32"),
        ((*STEM, "map", "act"), "gelu", "map.act is 'gelu'; valid: .*'prelu'"),
        ((*STEM, "map", "act"), "prelu", "has the act 'prelu'; a slope is for 'prelu'"),
        ((*STEM, "map", "slope"), "t1", "has the act 'none'; a slope is for 'prelu'"),
        (
            (*STEM, "map", "scale1"),
            "nothing",
            "map.scale1 names the tensor 'nothing'",
        ),
        ((*STEM, "map", "scale1"), "t0", "map.scale1, 't0', is torch.int16 .* torch.float32 of sh"),
        (
            (*STEM, "weight"),
            "t1",
            "weight, 't1', is torch.float32 .*; expected: torch.int16",
        ),
        (("input_channels",), 4, "weight has 4 input channels; .* and one more, 5"),
        ((*LAST, "branches", 0, "terms", 0, "offset"), "t0", "offset, 't0', is torch.int16"),
        (("steps", 4, "branches", 0, "terms", 0, "offset"), "t0", "an offset, which is for inputs"),
        ((*STEM, "op"), "conv", "unknown members"),
        ((*STEM, "op"), "attention", "has the op 'attention'; this version knows"),
        ((*STEM, "more"), 1, r"unknown members \['more'\]"),
        ((*STEM, "weight"), MISSING, r"missing members \['weight'\]"),
        ((*STEM, "stride"), 1.0, "stride is of the type float, not int"),
        ((*STEM, "stride"), True, "stride is of the type bool, not int"),
        ((*STEM, "stride"), None, "stride is of the type NoneType"),
        ((*STEM, "name"), 3, "name is of the type int, not str"),
        (("steps",), {}, "steps is of the type dict, not list"),
    ],
)
def test_wrong_programs(packed, path, value, message):
    refused(packed, path, value, message)


def test_most_steps(packed):
    stem = to_json(packed.program)["steps"][0]
    refused(packed, ("steps",), [stem] * 4097, "number of steps is 4097")
    buffer = {"kind": "bits", "channels": 1}
    refused(packed, ("buffers",), [buffer] * 16385, "number of buffers is 16385")
