"""Each defect of a data set ends in a message that names the file and the fix."""

import json
import logging

import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
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
    ],
    ids=["image", "category", "outside"],
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


def test_missing_annotation_file_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    cfg = load_config("", ["DATASETS.TRAIN", "['photo_digits_train']"])
    register_datasets(cfg)
    with pytest.raises(
        DataError, match=r"does not exist; make it with: groupnet-det prepare-photo-digits"
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


def check_image_folders(folders, *options, num_classes=2):
    entries = [
        {"NAME": name, "FORMAT": "image_folder", "ROOT": str(root)}
        for name, root in folders.items()
    ]
    cfg = load_config(
        "",
        [
            *("DATASETS.CUSTOM", str(entries), "DATASETS.TRAIN", str(list(folders))),
            *("MODEL.META_ARCHITECTURE", "ImageClassifier"),
            *("MODEL.CLASSIFIER.NUM_CLASSES", str(num_classes), *options),
        ],
    )
    register_datasets(cfg)
    check_datasets(cfg, list(folders))


def test_correct_image_folders_pass_and_are_counted(image_folder, caplog):
    folders = {"a": image_folder("a", cat=2, dog=1), "b": image_folder("b", cat=1, dog=1)}
    with caplog.at_level(logging.INFO):
        check_image_folders(folders)
    assert "images per class of a:" in caplog.text
    assert "cat      2         dog      1" in caplog.text


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"cat": 1, "dog": 0}, r"folder .*no valid file for the classes dog.*each class"),
        ({}, r"image folder .* does not exist; check ROOT"),
    ],
    ids=["empty-class", "absent"],
)
def test_image_folder_that_cannot_be_used(image_folder, classes, message):
    with pytest.raises(DataError, match=message):
        check_image_folders({"mine": image_folder("mine", **classes)})


def test_image_folder_without_classes(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="Couldn't find any class folder"):
        check_image_folders({"mine": tmp_path})


@pytest.mark.parametrize("keep", [0, 0.5], ids=["empty", "truncated"])
def test_broken_image_of_a_folder(image_folder, keep):
    root = image_folder("mine", cat=3, dog=3)
    path = root / "dog/1.jpg"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match=r"dog/1\.jpg cannot be read: .*take it out of .*mine"):
        check_image_folders({"mine": root})
    check_image_folders({"mine": root}, "DATASETS.CHECK_DECODE", "2")  # first and last alone


def test_image_folder_with_another_class_count(image_folder):
    with pytest.raises(
        ConfigError, match=r"NUM_CLASSES is 3, but .*2 classes \(cat, dog\); set .*NUM_CLASSES 2"
    ):
        check_image_folders({"mine": image_folder("mine", cat=1, dog=1)}, num_classes=3)


def test_image_folders_with_unlike_classes(image_folder):
    folders = {"a": image_folder("a", cat=1, dog=1), "b": image_folder("b", cat=1, fox=1)}
    with pytest.raises(
        DataError, match=r"'a' and 'b' must have the same .* only one of them has dog, fox"
    ):
        check_image_folders(folders)


def test_detector_on_a_classification_data_set(image_folder):
    options = ["MODEL.META_ARCHITECTURE", "GroupNetRetinaNet"]
    with pytest.raises(
        ConfigError,
        match=r"GroupNetRetinaNet is for detection .* data set 'mine', which is for class",
    ):
        check_image_folders({"mine": image_folder("mine", cat=1, dog=1)}, *options)


def test_classifier_on_a_detection_data_set(datasets_env):
    options = ["MODEL.META_ARCHITECTURE", "ImageClassifier"]
    cfg = load_config("", options)
    register_datasets(cfg)
    with pytest.raises(ConfigError, match="'photo_digits_val', which is for detection"):
        check_datasets(cfg, ["photo_digits_val"])


def test_real_photographs_pass(test_data, caplog):
    root = test_data / "data/sign_digits"
    with caplog.at_level(logging.INFO):
        check_image_folders({s: root / s for s in ("train", "val")}, num_classes=10)
    assert "train: 1447 images" in caplog.text
    assert "val: 283 images" in caplog.text
