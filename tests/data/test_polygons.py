"""Polygons that are none, and objects without a mask: what training does, and evaluation cannot."""

import logging

import pytest

from groupnet_det.data.loading.loaders import build_train_loader
from groupnet_det.errors import DataError

from .coco_sets import annotation

POLYGON = [1, 1, 9, 1, 9, 9]


@pytest.mark.parametrize(
    "polygons", [[[1, 2, 3, 4]], [[]], [POLYGON, [*POLYGON, 3]]], ids=["short", "empty", "odd"]
)
def test_polygons_that_are_none(coco, caplog, polygons):
    """Detectron2's loader leaves them out; pycocotools would break after the training."""
    for item in coco.annotations:
        item["segmentation"] = [POLYGON]
    coco.annotations[1]["segmentation"] = polygons
    with caplog.at_level(logging.WARNING):
        cfg = coco("MODEL.MASK_ON", "True")
        coco(train=False)  # of boxes alone
    message = f"annotation 2 has a polygon of {len(polygons[-1])} numbers; it needs at least 6"
    assert (
        caplog.text.count(
            f"training leaves out 1 polygons, and objects that have no other; the first: {message}"
        )
        == 2
    )
    (sample,) = next(iter(build_train_loader(cfg, seed=0)))
    assert len(sample["instances"]) == len(polygons)
    with pytest.raises(DataError, match=rf"ann\.json: {message}.* masks cannot be evaluated"):
        coco("MODEL.MASK_ON", "True", train=False)


def test_crowds_without_a_mask_cannot_be_evaluated(coco):
    for item in coco.annotations:
        item["segmentation"] = [POLYGON]
    coco.annotations.append(annotation(3, iscrowd=1))
    coco("MODEL.MASK_ON", "True")
    with pytest.raises(DataError, match=r"of annotation 3 has no mask, but MODEL\.MASK_ON"):
        coco("MODEL.MASK_ON", "True", train=False)
