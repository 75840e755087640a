"""Run-length encoding against pycocotools."""

import numpy as np
import pycocotools.mask as mask_util
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from groupnet_det.runtime.results.run_lengths import encode_mask

# Machines under test are busy.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expected(mask):
    encoded = mask_util.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


@CALM
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_masks_of_all_kinds(mask):
    assert encode_mask(mask) == expected(mask)


@CALM
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 500), st.integers(0, 500))
def test_long_runs(height, width, top, left):
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + 200, left:] = True
    assert encode_mask(mask) == expected(mask)


@pytest.mark.parametrize("value", [False, True])
def test_one_run(value):
    assert encode_mask(np.full((3, 5), value)) == expected(np.full((3, 5), value))
