import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from groupnet_det.data.datasets.photo_digits import (
    PhotoDigitsOptions,
    draw_digit,
    prepare_photo_digits,
)
from groupnet_det.data.datasets.photo_digits_sources import load_digits
from groupnet_det.errors import DataError


@pytest.fixture(scope="module")
def content(tiny_photo_digits):
    path = tiny_photo_digits / "photo_digits/annotations/instances_train.json"
    return json.loads(path.read_text())


def test_the_same_options_give_the_same_files(tmp_path):
    options = PhotoDigitsOptions(num_train=2, num_val=1, seed=5)
    for name in ("a", "b"):
        prepare_photo_digits(tmp_path / name, options)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 2 * 3 + 2
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_finished_splits_are_kept_and_others_made_again(tmp_path):
    options = PhotoDigitsOptions(num_train=1, num_val=1)
    prepare_photo_digits(tmp_path, options)
    image = tmp_path / "train/000001.jpg"
    image.write_bytes(b"touched")
    prepare_photo_digits(tmp_path, options)
    assert image.read_bytes() == b"touched"
    prepare_photo_digits(tmp_path, PhotoDigitsOptions(num_train=1, num_val=1, seed=9))
    assert image.read_bytes() != b"touched"


def test_boxes_areas_and_masks_agree(content):
    assert len(content["categories"]) == 10
    for annotation in content["annotations"]:
        segmentation = annotation["segmentation"]
        mask = coco_mask.decode({**segmentation, "counts": segmentation["counts"].encode()})
        ys, xs = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (left, top) == (xs.min(), ys.min())
        assert (left + width, top + height) == (xs.max() + 1, ys.max() + 1)
        assert annotation["area"] == mask.sum() > 0
        assert annotation["iscrowd"] == 0


def test_semantic_maps_show_the_masks(content, tiny_photo_digits):
    root = tiny_photo_digits / "photo_digits"
    image = content["images"][0]
    name = image["file_name"].replace(".jpg", ".png")
    semantic = np.asarray(Image.open(root / "semantic_train" / name))
    expected = np.zeros_like(semantic)
    for annotation in content["annotations"]:
        if annotation["image_id"] == image["id"]:
            segmentation = annotation["segmentation"]
            mask = coco_mask.decode({**segmentation, "counts": segmentation["counts"].encode()})
            expected[mask == 1] = annotation["category_id"]  # digit + 1
    assert np.array_equal(semantic, expected)


@pytest.mark.parametrize("size", [16, 80])
def test_digits_have_the_size_asked_for(size):
    images, labels = load_digits()
    rng = np.random.default_rng(0)
    sides = [max(draw_digit(images[i], size, rng).shape) for i in np.flatnonzero(labels == 8)[:20]]
    assert abs(np.median(sides) - size) <= 0.2 * size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 100}, "image_size is 100"),
        ({"min_digit": 50, "max_digit": 40}, "digit sizes 50 to 40"),
        ({"num_val": 0}, "at least 1"),
    ],
    ids=str,
)
def test_options_out_of_range(options, message):
    with pytest.raises(DataError, match=message):
        PhotoDigitsOptions(**options)
