"""Helpers of the tests of the compiled engine."""

import pytest
import torch

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


def write(path, packed):
    write_packed(path, packed.program, packed.info, packed.tensors)
    return path


def same_bits(got, expected):
    if got.dtype == torch.float32:
        nan = got.isnan() & expected.isnan()
        got, expected = got.view(torch.int32), expected.view(torch.int32)
        return bool(((got == expected) | nan).all())
    return torch.equal(got, expected)


def assert_same_trace(got, expected, what):
    assert [list(numbers) for numbers in got[:2]] == [list(n) for n in expected[:2]], what
    for step, buffer, mine, reference in zip(*got, expected[2], strict=True):
        assert same_bits(mine, reference), (what, step, buffer)
