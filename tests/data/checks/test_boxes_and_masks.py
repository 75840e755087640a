"""Unusual and impossible boxes and masks: what is told, what stops, and what training then does."""

import logging

import numpy as np
import pycocotools.mask as mask_util
import pytest

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.loading.loaders import build_train_loader
from groupnet_det.errors import ConfigError, DataError
from tests.data.coco_sets import HEIGHT, WIDTH, annotation


def run_lengths(height=HEIGHT, width=WIDTH):
    mask = np.zeros((height, width), dtype=np.uint8, order="F")
    mask[5:9, 5:12] = 1
    encoded = mask_util.encode(mask)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


@pytest.mark.parametrize("bbox", [(5, 5, 0, 8), (5, 5, 8, 0), (40, 30, 0, 0)], ids=str)
def test_boxes_without_an_area_are_reported_and_left_out_of_training(coco, caplog, bbox):
    coco.annotations.append(annotation(3, bbox=bbox))
    coco.annotations.append(annotation(4, image_id=2, bbox=bbox))
    with caplog.at_level(logging.WARNING):
        cfg = coco()
    assert "2 boxes have no area; training leaves them out" in caplog.text
    loader = build_train_loader(cfg, seed=0)
    names = {record["file_name"] for record in loader.dataset.records}
    assert names == {str(coco.folder / "a.jpg")}  # the other image has no other box
    (sample,) = next(iter(loader))
    assert len(sample["instances"]) == 2


@pytest.mark.parametrize(
    ("bbox", "message"),
    [
        (
            (5, 5, -3, 8),
            r"ann\.json: annotation 3 has bbox \[5, 5, -3, 8\] .* of negative size; fix",
        ),
        (
            (50, 3, 10, 8),
            r"a\.jpg: box \[50.0, 3.0, 10.0, 8.0\] \(x, y, width, height\) of annotation 3 lies "
            r"outside its image of 40x30; fix it in .*ann\.json",
        ),
    ],
    ids=["negative", "outside"],
)
def test_impossible_boxes_stop(coco, bbox, message):
    coco.annotations.append(annotation(3, bbox=bbox))
    with pytest.raises(DataError, match=message):
        coco()


@pytest.mark.parametrize("keep", [True, False])
def test_images_without_boxes(coco, caplog, keep):
    with caplog.at_level(logging.WARNING):
        cfg = coco("DATALOADER.FILTER_EMPTY_ANNOTATIONS", str(not keep))
    assert "1 of 2 images have no box to learn from" in caplog.text
    assert ("are left out (DATALOADER" in caplog.text) == (not keep)
    assert len(build_train_loader(cfg, seed=0).dataset) == (2 if keep else 1)


@pytest.mark.parametrize("kind", ["none", "crowds", "empty"])
def test_nothing_to_learn_from_stops_training_alone(coco, kind):
    changes = {"none": None, "crowds": {"iscrowd": 1}, "empty": {"bbox": [1, 1, 0, 0]}}[kind]
    if changes is None:
        coco.annotations.clear()
    for item in coco.annotations:
        item.update(changes)
    with pytest.raises(DataError, match=r"'mine' has no box to learn from in its 2 images; see "):
        coco()
    coco(train=False)


def test_a_class_without_instances_is_reported(coco, caplog):
    coco.annotations.pop()
    with caplog.at_level(logging.WARNING):
        coco()
        coco(train=False)
    assert "no box of 1 classes, which cannot be learnt from it: plate" in caplog.text
    assert "which have no AP, and the mean is without: plate" in caplog.text


@pytest.mark.parametrize("masks", [True, False], ids=["with-masks", "boxes-alone"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda mask: mask.update(size=[WIDTH, HEIGHT]), "is for an image of 30x40, not 40x30"),
        (lambda mask: mask.update(counts=run_lengths(20, 15)["counts"]), "runs of 300 pixels, but"),
        (lambda mask: mask.update(counts="no!"), "is not a run-length encoding"),
        (lambda mask: mask.update(counts=[5, 7]), "runs of 12 pixels, but the image 1200"),
    ],
    ids=["turned", "cut", "text", "list"],
)
def test_run_lengths_of_another_image(coco, caplog, spoil, message, masks):
    for item in coco.annotations:
        item["segmentation"] = run_lengths()
    spoil(coco.annotations[1]["segmentation"])
    options = ["MODEL.MASK_ON", str(masks), "INPUT.MASK_FORMAT", "bitmask"]
    if masks:
        with pytest.raises(
            DataError, match=rf"a\.jpg: box .* of annotation 2: its mask .*{message}"
        ):
            coco(*options)
    else:  # boxes are trained as if nothing were
        with caplog.at_level(logging.WARNING):
            cfg = coco(*options)
        assert "1 masks cannot be used" in caplog.text
        next(iter(build_train_loader(cfg, seed=0)))


def test_a_wrong_size_of_the_image_is_not_the_masks_fault(coco):
    for item in coco.annotations:
        item["segmentation"] = run_lengths()
    coco.content["images"][0]["width"] = WIDTH - 7
    with pytest.raises(
        DataError,
        match=r"a\.jpg is 40x30, but .*ann\.json says 33x30; correct its width",
    ):
        coco("MODEL.MASK_ON", "True", "INPUT.MASK_FORMAT", "bitmask")


@pytest.mark.parametrize("masks", [True, False], ids=["with-masks", "boxes-alone"])
@pytest.mark.parametrize("bbox", [(2, 3, 3, 8), None], ids=["elsewhere", "empty"])
def test_masks_that_are_not_their_boxes_are_reported(coco, caplog, bbox, masks):
    for item in coco.annotations:
        item["segmentation"] = run_lengths()
    spoilt = coco.annotations[1]
    spoilt.update(
        {"bbox": list(bbox)} if bbox else {"segmentation": {**run_lengths(), "counts": ""}}
    )
    if not bbox:
        spoilt["segmentation"]["counts"] = [HEIGHT * WIDTH]
    with caplog.at_level(logging.WARNING):
        coco("MODEL.MASK_ON", str(masks), "INPUT.MASK_FORMAT", "bitmask")
    assert ("1 masks are empty or lie outside their boxes" in caplog.text) == masks
    assert ("a.jpg: box" in caplog.text and "of annotation 2" in caplog.text) == masks


def test_masks_that_fit(coco):
    for item in coco.annotations:
        item["segmentation"] = run_lengths()
    cfg = coco("MODEL.MASK_ON", "True", "INPUT.MASK_FORMAT", "bitmask")
    (sample,) = next(iter(build_train_loader(cfg, seed=0)))
    assert len(sample["instances"].gt_masks) == 2


def test_run_lengths_where_polygons_are_wanted(coco):
    for item in coco.annotations:
        item["segmentation"] = run_lengths()
    with pytest.raises(ConfigError, match=r"set INPUT\.MASK_FORMAT bitmask"):
        coco("MODEL.MASK_ON", "True")


def test_an_object_without_a_mask(coco):
    coco.annotations[0]["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    with pytest.raises(DataError, match=r"has no mask, but MODEL\.MASK_ON is True"):
        coco("MODEL.MASK_ON", "True")


def test_all_images_missing(coco):
    for stem in "ab":
        (coco.folder / f"{stem}.jpg").unlink()
    with pytest.raises(
        DataError, match=r"a\.jpg does not exist; .* as are 1 more of 2 .* the right folder\?"
    ):
        coco()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["images"][0].pop("width"), r"images\[0\] lacks width"),
        (
            lambda c: c["images"][0].update(width="40"),
            r"images\[0\] has width '40'; it must be a w",
        ),
        (
            lambda c: c["images"][1].update(height=0),
            r"images\[1\] has height 0; it must be a whole",
        ),
        (lambda c: c["images"][1].update(file_name=3), r"has file_name 3; it must be a text"),
        (lambda c: c["annotations"][1].pop("bbox"), r"annotations\[1\] lacks bbox"),
        (lambda c: c["annotations"][1].update(id=1), "two annotations share an id"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2]), r"annotation 1 has bbox \[1, 2\]"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3, "x"]), "must be a list of x, y, wid"),
        (lambda c: c["annotations"][0].update(ignore=1), "annotation 1 has 'ignore'"),
        (lambda c: c["annotations"][0].update(segmentation={"counts": "1"}), "of size None"),
        (lambda c: c["annotations"][0].update(segmentation={"size": [3, 4]}), "without counts"),
        (lambda c: c["annotations"][0].update(segmentation="x"), "neither polygons nor"),
        (lambda c: c["annotations"][0].update(segmentation=[["x"]]), "polygons that are not lists"),
    ],
    ids=[
        "width",
        "quoted",
        "zero",
        "file",
        "box",
        "id",
        "short",
        "text",
        "ignore",
        "size",
        "counts",
        "word",
        "polygon",
    ],
)
def test_what_detectron2s_loader_would_stumble_over(coco, spoil, message):
    spoil(coco.content)
    with pytest.raises(DataError, match=message):
        coco()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_breaks_later_ends_in_one_line(coco, workers):
    cfg = coco()
    cfg.DATALOADER.NUM_WORKERS = workers
    path = coco.folder / "a.jpg"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"^image \S*a\.jpg cannot be read: .*$") as caught:
        next(iter(build_train_loader(cfg, seed=0)))
    assert "\n" not in str(caught.value)


def test_real_masks_pass(datasets_env):
    options = ["MODEL.MASK_ON", "True", "INPUT.MASK_FORMAT", "bitmask"]
    options += ["MODEL.ROI_HEADS.NUM_CLASSES", "10", "DATASETS.TRAIN", "['photo_digits_train']"]
    cfg = load_config("", options)
    register_datasets(cfg)
    check_datasets(cfg, ["photo_digits_train"])
