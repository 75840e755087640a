import numpy as np
import pycocotools.mask as mask_util
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from groupnet_det.errors import ConfigError

from .examples import SIZE, THINGS, detections


def names(found):
    return [each.class_name for each in found]


def test_it_is_a_sequence():
    found = detections()
    assert len(found) == 3
    assert names(found) == found.names == ["cat", "dog", "dog"]
    first, last = found[0], found[-1]
    assert (first.class_name, first.label, first.box) == ("cat", 0, (5.0, 10.0, 25.0, 20.0))
    assert last.score == float(found.scores[2])
    assert torch.equal(last.mask, found.masks[2])
    assert detections(masks=False)[0].mask is None
    with pytest.raises(IndexError):
        found[3]


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (slice(1, None), [1, 2]),
        ([2, 0], [2, 0]),
        (torch.tensor([True, False, True]), [0, 2]),
        (np.array([False, False, True]), [2]),
        ([], []),
        (slice(0, 0), []),
        (np.array([-1]), [2]),
        (slice(None, None, -1), [2, 1, 0]),
    ],
    ids=[
        "slice",
        "list",
        "mask",
        "numpy mask",
        "empty list",
        "empty slice",
        "negative",
        "reversed",
    ],
)
def test_some_of_them(index, kept):
    found = detections()
    some = found[index]
    assert type(some) is type(found)
    for name in ("boxes", "scores", "classes", "masks"):
        assert torch.equal(getattr(some, name), getattr(found, name)[kept]), name
    assert (some.class_names, some.image_size) == (THINGS, SIZE)


def test_filter_by_score():
    found = detections()
    assert names(found[found.scores > 0.4]) == ["cat", "dog"]
    assert names(found.above(0.6)) == ["cat", "dog"]
    assert names(found.above(0.95)) == []


@pytest.mark.parametrize("index", ["cat", 0.5, [0.5], [[0]]], ids=str)
def test_what_selects_nothing(index):
    with pytest.raises(ConfigError, match="selects nothing; valid: a slice, bools or whole"):
        detections()[index]


def test_repr_and_str():
    found = detections()
    assert repr(found) == ("Detections(3 objects: 2 × dog, 1 × cat; image of 60 x 40 pixels)")
    assert repr(found[:1]) == "Detections(1 object: 1 × cat; image of 60 x 40 pixels)"
    assert repr(found[:0]) == "Detections(0 objects; image of 60 x 40 pixels)"
    assert str(found[:1]) == "cat 90.0% [5, 10, 25, 20]"


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_coco_results_are_those_that_pycocotools_scores(kind):
    """Perfect ground truth, made of the tensors themselves, gives an AP of 1."""
    found = detections()
    gt = COCO()
    gt.dataset = {
        "images": [{"id": 7, "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(THINGS)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": 7,
                "category_id": int(found.classes[i]),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "iscrowd": 0,
                "segmentation": mask_util.encode(
                    np.asfortranarray(found.masks[i].numpy().astype(np.uint8))
                ),
            }
            for i, (x0, y0, x1, y1) in enumerate(found.boxes.tolist())
        ],
    }
    gt.createIndex()
    evaluation = COCOeval(gt, gt.loadRes(found.to_coco(image_id=7)), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_instances_of_detectron2():
    found = detections()
    instances = found.to_detectron2()
    assert instances.image_size == SIZE
    assert torch.equal(instances.pred_boxes.tensor, found.boxes)
    assert torch.equal(instances.pred_boxes.area(), torch.tensor([200.0, 600, 32]))
    assert torch.equal(instances.scores, found.scores)
    assert torch.equal(instances.pred_classes, found.classes)
    assert torch.equal(instances.pred_masks, found.masks)
    assert not detections(masks=False).to_detectron2().has("pred_masks")
