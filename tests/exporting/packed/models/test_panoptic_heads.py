"""The semantic head of Panoptic FPN: what its program is made of, and what the file says."""

import pytest
import torch
import torch.nn.functional as F

from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.float_maps import Interpolate, Resize
from groupnet_det.runtime.reference.interpreter import trace_reference
from tests.exporting.models import export, make_model
from tests.exporting.networks import random_images

G = "MODEL.GROUPNET."
SPLIT = [f"{G}HEAD.GROUP", "tower", f"{G}NUM_BASES", "3"]


def steps_of(packed, kind, prefix="sem_seg_head."):
    return [s for s in packed.program.steps if isinstance(s, kind) and s.name.startswith(prefix)]


@pytest.fixture(scope="module", params=[[], SPLIT], ids=["layers", "towers"])
def packed(request, root):
    torch.manual_seed(0)
    return export(make_model(root, "panoptic_fpn", *request.param))


def test_each_level_is_upsampled_after_each_convolution(packed):
    """p2 is not, p3 once, p4 twice, p5 three times; towers one by one until they meet."""
    branches = max(len(step.branches) for step in steps_of(packed, Conv, "sem_seg_head.p5.tower."))
    for level, number in {"p2": 0, "p3": 1, "p4": 2, "p5": 3}.items():
        found = steps_of(packed, Interpolate, f"sem_seg_head.{level}.")
        assert len(found) == max(0, (number - 1) * branches + 1 if number else 0)
        assert {step.factor for step in found} <= {2}
    assert not [s for s in packed.program.steps if isinstance(s, Resize)]
    (last,) = steps_of(packed, Interpolate, "upsampling")
    assert (last.factor, last.like) == (4, None)


def test_the_sum_is_that_of_the_levels(packed):
    images = random_images(1, 64, 96)
    steps, buffers, contents = trace_reference(packed, images)
    maps = dict(zip(zip(steps, buffers, strict=True), contents, strict=True))
    (step,) = steps_of(packed, Conv, "sem_seg_head.predictor")
    total = packed.program.steps.index(step) - 1
    join = packed.program.steps[total].join
    values = [v for (number, _), v in maps.items() if number == total]
    before = {buffer: v for (number, buffer), v in maps.items() if number < total}
    parts = [before[branch.residual] for branch in packed.program.steps[total].branches]
    assert len(parts) == 4
    assert join.merged.float_ is not None
    torch.testing.assert_close(values[0], torch.stack(parts).sum(dim=0))


def test_the_last_upsampling_is_that_of_torch(packed):
    images = random_images(1, 40, 50)  # on a canvas of 64 x 64
    _, buffers, contents = trace_reference(packed, images)
    last = dict(zip(buffers, contents, strict=True))
    (step,) = steps_of(packed, Interpolate, "upsampling")
    coarse = last[step.input].permute(0, 3, 1, 2)
    expected = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
    found = last[packed.program.outputs["logits"]].permute(0, 3, 1, 2)
    assert found.shape == (1, 2, 64, 64)
    torch.testing.assert_close(found, expected)


def test_what_the_file_says(root):
    combine = "MODEL.PANOPTIC_FPN.COMBINE."
    options = [f"{combine}OVERLAP_THRESH", 0.25, f"{combine}STUFF_AREA_LIMIT", 99]
    options += [f"{combine}INSTANCES_CONFIDENCE_THRESH", 0.75]
    info = export(make_model(root, "panoptic_fpn", *options)).info
    assert info["task"] == "panoptic_segmentation"
    assert info["postprocessing"]["kind"] == "panoptic"
    assert info["postprocessing"]["mask"]["part"] == "mask"
    assert info["postprocessing"]["combination"] == {
        **{"overlap_threshold": 0.25, "stuff_area_limit": 99, "score_threshold": 0.75}
    }
    assert info["class_names"] == ["0", "1", "2"]
