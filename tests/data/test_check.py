"""Each defect of a data set ends in a message that names the file and the mend."""

import json
import logging

import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.check import check_datasets
from groupnet_det.data.registration import register_datasets
from groupnet_det.errors import ConfigError, DataError


@pytest.fixture
def coco(tmp_path):
    """A correct data set of one image, to be spoiled by a test and checked by calling it."""
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [2, 3, 10, 8],
                "iscrowd": 0,
                "area": 80,
            }
        ],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "plate"}],
    }

    def check(num_classes=2, text=None):
        path = tmp_path / "ann.json"
        path.write_text(json.dumps(content) if text is None else text)
        entry = {
            "NAME": "mine",
            "FORMAT": "coco",
            "ANNOTATIONS": str(path),
            "IMAGES": str(tmp_path),
        }
        options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']"]
        cfg = load_config(
            "",
            [
                *options,
                *("MODEL.META_ARCHITECTURE", "GroupNetRetinaNet"),
                *("MODEL.RETINANET.NUM_CLASSES", str(num_classes)),
            ],
        )
        register_datasets(cfg)
        check_datasets(cfg, ["mine"])

    check.content = content
    check.folder = tmp_path
    return check


def test_a_correct_data_set_passes(coco):
    coco()


def test_wrong_class_count(coco):
    with pytest.raises(
        ConfigError, match=r"NUM_CLASSES is 3, but .*'mine' has 2 classes \(cell, p"
    ):
        coco(num_classes=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "ann.json is not valid JSON"), ("[]", "no list 'images'"), ("{}", "no list 'images'")],
    ids=["broken", "list", "empty"],
)
def test_what_is_no_coco_file(coco, text, message):
    with pytest.raises(DataError, match=message):
        coco(text=text)


def test_missing_image(coco):
    (coco.folder / "a.jpg").unlink()
    with pytest.raises(
        DataError, match=r"image .*a\.jpg does not exist; it is named by .*ann\.json"
    ):
        coco()


@pytest.mark.parametrize("content", [b"no image", None], ids=["foreign", "truncated"])
def test_unreadable_image(coco, content):
    path = coco.folder / "a.jpg"
    path.write_bytes(content or path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"a\.jpg cannot be read"):
        coco()


def test_size_that_differs_from_the_file(coco):
    coco.content["images"][0]["width"] = 50
    with pytest.raises(DataError, match=r"a\.jpg is 40x30, but .*ann\.json says 50x30"):
        coco()


def test_no_images(coco):
    coco.content.update(images=[], annotations=[])
    with pytest.raises(DataError, match="'mine' holds no image"):
        coco()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image_id", 7, "annotation 1 names image 7, which is not among"),
        ("category_id", 9, r"annotation 1 names category 9; the categories have ids \[1, 2\]"),
        ("bbox", [50, 3, 10, 8], r"a\.jpg: box .* lies outside its image of 40x30"),
        ("bbox", [5, 5, 0, 8], r"a\.jpg: box .* has no area"),
    ],
    ids=["image", "category", "outside", "no-area"],
)
def test_bad_annotation(coco, key, value, message):
    coco.content["annotations"][0][key] = value
    with pytest.raises(DataError, match=message):
        coco()


def test_box_over_the_border_is_a_warning(coco, caplog):
    coco.content["annotations"][0]["bbox"] = [30, 3, 20, 8]
    with caplog.at_level(logging.WARNING):
        coco()
    assert "1 boxes reach over the border" in caplog.text


def test_ids_that_are_not_contiguous_are_a_warning(coco, caplog):
    coco.content["categories"][1]["id"] = 90
    with caplog.at_level(logging.WARNING):
        coco()
    assert "category ids are not 1 ... 2" in caplog.text


def test_doubled_ids(coco):
    coco.content["images"].append(coco.content["images"][0])
    with pytest.raises(DataError, match="two images share an id"):
        coco()


def test_absent_annotation_file_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    cfg = load_config("", ["DATASETS.TRAIN", "['photo_digits_train']"])
    register_datasets(cfg)
    with pytest.raises(
        DataError, match=r"does not exist; make it with: .*prepare_photo_digits\.py"
    ):
        check_datasets(cfg, ["photo_digits_train"])


def test_unknown_name():
    with pytest.raises(ConfigError, match="'nobody' is not known"):
        check_datasets(load_config(""), ["nobody"])


def test_real_coco_files_pass(test_data, caplog):
    root = test_data / "data/coco_cc_sample"
    entry = {
        "NAME": "coco_sample",
        "FORMAT": "coco",
        "ANNOTATIONS": str(root / "annotations/instances_boxes_val2017.json"),
        "IMAGES": str(root / "val2017"),
    }
    options = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['coco_sample']"]
    cfg = load_config("", options)
    register_datasets(cfg)
    check_datasets(cfg, ["coco_sample"])
    assert "category ids are not" in caplog.text
