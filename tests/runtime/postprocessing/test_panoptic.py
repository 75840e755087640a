"""Segments of objects and labels, against Detectron2's way to combine them."""

import numpy as np
import pytest
import torch
from detectron2.modeling.meta_arch.panoptic_fpn import combine_semantic_and_instance_outputs
from detectron2.structures import Instances

from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, combine

THINGS = ("cat", "dog")
STUFF = ("things", "grass", "sky")


def found(masks, scores, classes):
    number, *size = masks.shape
    return Detections(
        torch.zeros(number, 4),
        torch.tensor(scores),
        torch.tensor(classes, dtype=torch.int64),
        THINGS,
        tuple(size),
        masks,
    )


def rule(overlap=0.5, area=1, score=0.5):
    return Combination(overlap_threshold=overlap, stuff_area_limit=area, score_threshold=score)


def of_detectron2(detections, labels, options):
    instances = Instances(detections.image_size)
    instances.scores, instances.pred_classes = detections.scores, detections.classes
    instances.pred_masks = detections.masks
    return combine_semantic_and_instance_outputs(
        instances,
        labels,
        options.overlap_threshold,
        options.stuff_area_limit,
        options.score_threshold,
    )


def random_case(seed, number):
    """Ellipses that overlap, some empty, and blocks of labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :60]
    masks = np.zeros((number, 40, 60), bool)
    for mask in masks:
        y, x, height, width = rng.uniform((0, 0, -1, 2), (40, 60, 14, 20))
        mask[:] = (height > 0) & (((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1)
    labels = rng.integers(0, 3, (8, 6)).repeat(5, axis=0).repeat(10, axis=1)
    # All scores differ: of equal ones, Detectron2 leaves the order open.
    scores = rng.permutation(np.linspace(0.05, 0.99, max(number, 1), dtype=np.float32))[:number]
    classes = rng.integers(0, 2, number)
    return (
        found(torch.from_numpy(masks), scores.tolist(), classes.tolist()),
        torch.from_numpy(labels),
    )


@pytest.mark.parametrize("number", [0, 1, 6, 30])
@pytest.mark.parametrize(
    "options",
    [
        rule(),
        rule(overlap=0.0),
        rule(overlap=1.0),
        rule(overlap=0.2, area=400, score=0.0),
        rule(area=4096, score=0.9),
        rule(area=0, score=1.0),
    ],
    ids=["usual", "no-overlap", "all-overlaps", "all-scores", "no-stuff", "no-objects"],
)
def test_as_detectron2(options, number):
    for seed in range(20):
        detections, labels = random_case(seed, number)
        result = combine(detections, LabelMap(labels, STUFF), options)
        expected, infos = of_detectron2(detections, labels, options)
        assert torch.equal(result.segment_map, expected)
        assert result.segment_map.dtype == torch.int32
        assert list(result.segments_info) == infos


def test_by_hand():
    """Four rows: the better object has two, the other one of its two; the rest is grass and sky."""
    masks = torch.zeros(3, 4, 5, dtype=torch.bool)
    masks[0, 1:3], masks[1, :2], masks[2, 3, 0] = True, True, True
    labels = torch.tensor([[0] * 5, [1] * 5, [1] * 5, [2] * 3 + [1, 0]])
    result = combine(found(masks, [0.6, 0.9, 0.4], [1, 0, 1]), LabelMap(labels, STUFF), rule())
    expected = [[1] * 5, [1] * 5, [2] * 5, [4] * 3 + [3, 0]]
    assert result.segment_map.tolist() == expected
    score = float(torch.tensor(0.6))
    assert result.segments_info[1:] == (
        {"id": 2, "isthing": True, "score": score, "category_id": 1, "instance_id": 0},
        {"id": 3, "isthing": False, "category_id": 1, "area": 1},
        {"id": 4, "isthing": False, "category_id": 2, "area": 3},
    )
    assert result.names == ["cat", "dog", "grass", "sky"]
    assert str(result) == "cat, dog, grass, sky"


def test_labels_below_objects_alone():
    """The highest label has no free pixel."""
    masks = torch.zeros(1, 2, 3, dtype=torch.bool)
    masks[0, 0] = True
    labels = LabelMap(torch.tensor([[2, 2, 2], [1, 1, 0]]), STUFF)
    result = combine(found(masks, [0.9], [0]), labels, rule())
    assert result.segment_map.tolist() == [[1, 1, 1], [2, 2, 0]]


def test_equal_scores_keep_their_order():
    masks = torch.ones(3, 2, 2, dtype=torch.bool)
    labels = LabelMap(torch.zeros(2, 2, dtype=torch.int64), STUFF)
    result = combine(found(masks, [0.7, 0.9, 0.9], [0, 1, 0]), labels, rule())
    assert [info["instance_id"] for info in result.segments_info] == [1]


def test_other_scores_combine_again():
    detections, labels = random_case(3, 12)
    result = combine(detections, LabelMap(labels, STUFF), rule(score=0.5))
    for score in (0.2, 0.8):
        again = result.above(score)
        expected, infos = of_detectron2(detections, labels, rule(score=score))
        assert torch.equal(again.segment_map, expected)
        same = ("id", "isthing", "score", "category_id")
        kept = [{key: info[key] for key in same if key in info} for info in again.segments_info]
        assert kept == [{key: info[key] for key in same if key in info} for info in infos]
        assert len(again.detections) == int((detections.scores >= score).sum())
    assert str(result.above(2.0).above(0.1)) == str(result.above(2.0))


def test_nothing():
    detections = found(torch.zeros(0, 3, 4, dtype=torch.bool), [], [])
    labels = LabelMap(torch.zeros(3, 4, dtype=torch.int64), STUFF)
    result = combine(detections, labels, rule())
    assert (result.segments_info, str(result)) == ((), "nothing")
    assert not result.segment_map.any()
