"""Overlap of objects with anchors, against all anchors made and compared one by one."""

import numpy as np
import pytest
import torch
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.structures import Boxes, pairwise_iou

from groupnet_det.engine.checks.anchor_recall import best_overlaps

STRIDES = (8, 16, 32)
SIZES = [[14.0, 20.0], [40.0], [90.0, 120.0]]


def random_boxes(number, height, width, seed=0):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, [width, height], (number, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


@pytest.mark.parametrize("offset", [0.0, 0.5])
@pytest.mark.parametrize("size", [(128, 128), (97, 203), (30, 260)], ids=str)
def test_the_best_overlap_is_that_with_all_anchors(size, offset):
    height, width = size
    generator = DefaultAnchorGenerator(
        sizes=SIZES, aspect_ratios=[[0.5, 1.0, 2.0]], strides=list(STRIDES), offset=offset
    )
    maps = [torch.zeros(1, 1, -(-height // s), -(-width // s)) for s in STRIDES]
    anchors = Boxes.cat(generator(maps))
    boxes = random_boxes(200, height, width)
    expected = pairwise_iou(Boxes(torch.tensor(boxes).float()), anchors).max(dim=1).values
    found = best_overlaps(
        boxes,
        np.tile([[height, width]], (len(boxes), 1)),
        anchors=[cell.double().numpy() for cell in generator.cell_anchors],
        strides=generator.strides,
        offset=generator.offset,
    )
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_no_boxes_and_boxes_without_area():
    arguments = {"anchors": [np.array([[-4.0, -4, 4, 4]])], "strides": [8], "offset": 0.5}
    assert best_overlaps(np.zeros((0, 4)), np.zeros((0, 2)), **arguments).shape == (0,)
    (overlap,) = best_overlaps(np.full((1, 4), 4.0), np.full((1, 2), 16.0), **arguments)
    assert overlap == 0
