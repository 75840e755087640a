"""Images that the reference takes."""

import math

import numpy as np
import pytest
import torch

from groupnet_det.errors import DataError
from groupnet_det.runtime.reference.interpreter import run_reference, trace_reference
from tests.packed.programs import example_images, example_packed_files, simple_example

EXAMPLES = dict(example_packed_files())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 8, 8, 3), "type torch.float32; expected is a uint8 tensor of shape"),
        (torch.zeros(8, 8, 3, dtype=torch.uint8), r"shape \(8, 8, 3\); expected .*\(N, H, W, 3\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"shape \(1, 3, 8, 8\); expected"),
        (torch.zeros(0, 8, 8, 3, dtype=torch.uint8), "hold no pixel"),
        (torch.zeros(1, 0, 8, 3, dtype=torch.uint8), "hold no pixel"),
        (torch.zeros(1, dtype=torch.uint8).expand(1, 30000, 30000, 3), "more than 2147483647 el"),
        (torch.zeros(1, dtype=torch.uint8).expand(1, 9000, 9000, 3), "step 'stem0' would have the"),
        (np.zeros((1, 8, 8, 3), np.uint8), "images are of the type ndarray"),
        (None, "images are of the type NoneType"),
    ],
    ids=["float", "rank", "nchw", "none", "no-rows", "huge", "huge-map", "numpy", "nothing"],
)
@pytest.mark.parametrize("run", [run_reference, trace_reference])
def test_bad_images(run, images, message):
    with pytest.raises(DataError, match=message):
        run(simple_example(channels=32), images)


def test_images_that_are_too_small():
    packed = EXAMPLES["bits-k13-s1-p0-d1-pad0"]
    assert run_reference(packed, example_images(packed))["out"].shape == (2, 1, 5, 18)
    message = "too small: step 'conv1' does not fit on its input of 12 x 17 pixels"
    with pytest.raises(DataError, match=message):
        run_reference(packed, example_images(packed, height=12))


def test_views_of_images():
    packed = simple_example(channels=5)
    images = torch.randint(0, 256, (2, 3, 9, 11), dtype=torch.uint8).permute(0, 2, 3, 1)
    a, b = run_reference(packed, images), run_reference(packed, images.contiguous())
    assert torch.equal(a["logits"], b["logits"])
    assert not math.isnan(a["logits"].sum().item())
