"""Anchors and box codings against Detectron2's."""

import pytest
import torch
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.modeling.box_regression import Box2BoxTransform, Box2BoxTransformLinear

from groupnet_det.errors import PackedFileError
from groupnet_det.runtime.postprocessing.boxes import Anchors, BoxCoding, clip, larger_than, rescale

CELLS = {"p3": ((-8.0, -4.0, 8.0, 4.0),) * 2, "p4": ((-1.0, -1.0, 1.0, 1.0),) * 2}


def random_boxes(number):
    corner = 40 * torch.rand(number, 2)
    return torch.cat([corner, corner + 1 + 30 * torch.rand(number, 2)], dim=1)


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_anchors(offset):
    generator = DefaultAnchorGenerator(
        sizes=[[8, 16], [32, 40]], aspect_ratios=[[0.5, 1.0]], strides=[8, 16], offset=offset
    )
    cells = [tuple(map(tuple, cell.tolist())) for cell in generator.cell_anchors]
    anchors = Anchors(
        cells={"p3": cells[0], "p4": cells[1]}, strides={"p3": 8, "p4": 16}, offset=offset
    )
    expected = generator([torch.zeros(1, 1, 3, 5), torch.zeros(1, 1, 2, 3)])
    for level, boxes, width in zip(("p3", "p4"), expected, (5, 3), strict=True):
        assert anchors.number(level) == 4
        found = anchors.at(level, torch.arange(len(boxes)), width)
        assert torch.equal(found, boxes.tensor)


def test_size_coding():
    torch.manual_seed(0)
    deltas, boxes = 3 * torch.randn(20, 12), random_boxes(20)
    weights = (10.0, 10.0, 5.0, 5.0)
    expected = Box2BoxTransform(weights=weights, scale_clamp=0.5).apply_deltas(deltas, boxes)
    found = BoxCoding(kind="size", weights=weights, clamp=0.5).decode(deltas, boxes)
    torch.testing.assert_close(found, expected)


def test_distances():
    torch.manual_seed(0)
    deltas, boxes = torch.randn(20, 4), random_boxes(20)
    expected = Box2BoxTransformLinear(normalize_by_size=True).apply_deltas(deltas, boxes)
    torch.testing.assert_close(BoxCoding(kind="distances").decode(deltas, boxes), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BoxCoding(kind="polar"), "box_coding.kind is 'polar'; valid: .'size'"),
        (lambda: BoxCoding(kind="size", weights=(1.0,)), "box_coding.weights are"),
        (lambda: Anchors(cells=CELLS, strides={"p3": 8}, offset=0.0), "strides are not those"),
        (
            lambda: Anchors(cells={"p3": ((1.0,),)}, strides={"p3": 8}, offset=0.0),
            "are not of four numbers",
        ),
    ],
    ids=["kind", "weights", "strides", "cells"],
)
def test_refusals(make, message):
    with pytest.raises(PackedFileError, match=message):
        make()


def test_clip_rescale_and_empty():
    boxes = torch.tensor([[-5.0, 2.0, 30.0, 9.0], [25.0, 1.0, 28.0, 4.0]])
    assert clip(boxes, (8, 20)).tolist() == [[0, 2, 20, 8], [20, 1, 20, 4]]
    scaled = rescale(boxes, (8, 20), (16, 60))
    assert scaled.tolist() == [[0, 4, 60, 16], [60, 2, 60, 8]]
    assert larger_than(scaled).tolist() == [True, False]
    assert larger_than(scaled, 12.0).tolist() == [False, False]
