"""Finders of each layout, and the errors for folders that none of them can use."""

from pathlib import Path

import pytest
from PIL import Image

from groupnet_det.autotrain.dataset_finders.finder_table import LAYOUTS, find_data
from groupnet_det.autotrain.dataset_finders.found_data import split_of_path, split_word
from groupnet_det.errors import DataError
from tests.autotrain.tiny_data import (
    NAMES,
    write_classes,
    write_coco,
    write_masks,
    write_voc,
    write_yolo,
)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("instances_train2017", "train"),
        ("valid", "val"),
        ("Test_set", "test"),
        ("trainval", None),
        ("train_and_val", None),
        ("cells", None),
        ("contest", None),
    ],
)
def test_words_of_splits(text, split):
    assert split_word(text) == split


def test_a_split_is_in_the_name_or_in_a_folder(tmp_path):
    assert split_of_path(tmp_path / "valid/_annotations.json", tmp_path) == "val"
    assert split_of_path(tmp_path / "val/train.json", tmp_path) == "train"
    assert split_of_path(tmp_path / "a.json", tmp_path) is None


def coco(root):
    return write_coco(root).parent


def coco_file(root):
    return write_coco(root)


def coco_splits(root):
    for number, split in enumerate(("train", "val", "test")):
        write_coco(root, name=f"annotations/{split}.json", images=split, seed=number)
    return root


def roboflow(root):
    for number, split in enumerate(("train", "valid")):
        write_coco(root / split, name="_annotations.coco.json", images=".", seed=number)
    return root


def annotations_beside_images(root):
    return write_coco(root, name="annotations/all.json")


def voc(root):
    return write_voc(root)


def voc_lists(root):
    return write_voc(root, lists=("train", "val", "trainval", "red_train"))


def yolo(root):
    return write_yolo(root).parent


def yolo_file(root):
    return write_yolo(root, splits=("train", "val"))


def masks(root):
    return write_masks(root)


def masks_by_split(root):
    write_masks(root, images="train", masks="train_masks")
    write_masks(root, images="val", masks="val_masks")
    return root


def classes(root):
    return write_classes(root)


def classes_by_split(root):
    write_classes(root / "train")
    write_classes(root / "test")
    return root


@pytest.mark.parametrize(
    ("write", "layout", "tasks", "splits"),
    [
        (coco, "COCO json", ("detect",), {"train"}),
        (coco_file, "COCO json", ("detect",), {"train"}),
        (coco_splits, "COCO json", ("detect",), {"train", "val"}),
        (roboflow, "COCO json", ("detect",), {"train", "val"}),
        (annotations_beside_images, "COCO json", ("detect",), {"train"}),
        (voc, "VOC folder", ("detect",), {"train"}),
        (voc_lists, "VOC folder", ("detect",), {"train", "val"}),
        (yolo, "YOLO data.yaml", ("detect",), {"train"}),
        (yolo_file, "YOLO data.yaml", ("detect",), {"train", "val"}),
        (masks, "images and masks", ("segment",), {"train"}),
        (masks_by_split, "images and masks", ("segment",), {"train", "val"}),
        (classes, "a folder per class", ("classify",), {"train"}),
        (classes_by_split, "a folder per class", ("classify",), {"train", "val"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_layouts_are_found(tmp_path, write, layout, tasks, splits):
    found = find_data(write(tmp_path / "data"))
    assert (found.layout, found.tasks, set(found.splits)) == (layout, tasks, splits)
    assert layout in LAYOUTS


def test_objects_with_masks_are_for_two_tasks(tmp_path):
    write_coco(tmp_path, masks=True)
    assert find_data(tmp_path).tasks == ("detect", "instance")
    assert find_data(tmp_path, "instance").layout == "COCO json"


def test_splits_may_name_their_images_alike(tmp_path):
    for split in ("train", "val"):
        file = write_coco(tmp_path, name=f"annotations/instances_{split}.json", images=split)
        write_coco(tmp_path, name="other.json", images=f"masks_{split}")
        (tmp_path / "other.json").unlink()
    splits = find_data(tmp_path).splits
    assert {name: Path(entry["IMAGES"]).name for name, entry in splits.items()} == {
        "train": "train",
        "val": "val",
    }
    alone = find_data(file).splits["train"]
    assert (Path(alone["ANNOTATIONS"]), Path(alone["IMAGES"])) == (file, tmp_path / "val")


def test_the_task_decides_where_several_layouts_lie(tmp_path):
    write_coco(tmp_path, images="photos")
    write_masks(tmp_path)
    assert find_data(tmp_path).layout == "COCO json"
    assert find_data(tmp_path, "segment").layout == "images and masks"


def test_voc_names_its_classes_and_test_may_validate(tmp_path):
    write_voc(tmp_path, lists=("train", "test"))
    found = find_data(tmp_path)
    assert found.splits["train"]["CLASSES"] == sorted(NAMES)
    assert found.splits["val"]["SPLIT"] == "test"
    assert found.notes == ("its test split is the validation",)


@pytest.mark.parametrize(
    ("values", "suffix", "expected"),
    [
        ((0, 1, 2), ".png", {"CLASSES": ["background", "class 1", "class 2"]}),
        (
            (0, 255, 255),
            "_mask.png",
            {
                "CLASSES": ["background", "object"],
                "LABELS": {0: 0, 255: 1},
                "MASK_SUFFIX": "_mask.png",
            },
        ),
        ((0, 1, 255), ".png", {"CLASSES": ["background", "object"]}),
        (
            (10, 20, 255),
            ".png",
            {
                "CLASSES": ["value 10", "value 20"],
                "LABELS": {10: 0, 20: 1, 255: 255},
            },
        ),
    ],
    ids=["labels", "black and white", "ignored", "other values"],
)
def test_values_of_masks_become_labels(tmp_path, values, suffix, expected):
    write_masks(tmp_path, values=values, suffix=suffix)
    entry = find_data(tmp_path).splits["train"]
    assert {key: entry[key] for key in set(entry) - {"FORMAT", "IMAGES", "MASKS"}} == expected


def test_names_of_mask_classes_are_read(tmp_path):
    write_masks(tmp_path)
    (tmp_path / "classes.txt").write_text("other\nred\nblue\n")
    assert find_data(tmp_path).splits["train"]["CLASSES"] == ["other", "red", "blue"]
    (tmp_path / "classes.txt").write_text("other\nred\n")
    with pytest.raises(DataError, match=r"classes\.txt has 2 names, but the masks have 3 classes"):
        find_data(tmp_path)


def two_files(root):
    write_coco(root, name="a.json")
    write_coco(root, name="b.json")


def no_images(root):
    write_coco(root)
    for path in (root / "images").iterdir():
        path.unlink()


def test_split_alone(tmp_path):
    write_coco(tmp_path, name="val.json")
    with pytest.raises(DataError, match="COCO files of val alone"):
        find_data(tmp_path)


def two_masks(root):
    write_masks(root)
    write_masks(root, masks="labels")


def mask_missing(root):
    write_masks(root)
    (root / "masks/3.png").unlink()


def one_value(root):
    write_masks(root, values=(0, 0, 0))


def one_class(root):
    write_classes(root)
    (root / NAMES[0]).rename(root.parent / "elsewhere")


def loose_xml(root):
    write_voc(root)
    (root / "JPEGImages/a.xml").write_text("<annotation/>")
    (root / "Annotations").rename(root.parent / "elsewhere")


def no_objects(root):
    write_voc(root, number=1)
    (root / "Annotations/000.xml").write_text("<annotation/>")


def labels_alone(root):
    write_yolo(root).unlink()


def nothing(root):
    root.mkdir()


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (two_files, r"the COCO file of one split may be any of .*a\.json, .*b\.json; name one"),
        (no_images, r"image 0_1\.jpg, named by .*instances\.json, is in no folder"),
        (two_masks, "may be any of .*labels, .*masks; call the right one"),
        (mask_missing, r"1 of 6 images of .*images have no mask; the first is .*masks/3\.png"),
        (one_value, "the masks have one value alone"),
        (one_class, "has one class alone, 'blue': one class needs no classifier"),
        (loose_xml, "has XML files beside images"),
        (no_objects, "has an object to learn"),
        (labels_alone, r"has YOLO's labels, but no data\.yaml"),
        (nothing, "has none of these: COCO json; YOLO"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_cannot_be_learned_is_reported_in_one_line(tmp_path, write, told):
    write(tmp_path / "data")
    with pytest.raises(DataError, match=told) as caught:
        find_data(tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_a_task_that_does_not_fit(tmp_path):
    write_coco(tmp_path / "data")
    with pytest.raises(DataError, match=r"--task instance does not fit .* is for detect"):
        find_data(tmp_path / "data", "instance")
    with pytest.raises(DataError, match="has not what --task asks for: a folder per class"):
        find_data(tmp_path / "data", "classify")
    with pytest.raises(DataError, match="absent does not exist"):
        find_data(tmp_path / "absent")


def test_grey_photographs_are_no_masks(tmp_path):
    write_masks(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        grey = Image.open(tmp_path / "images" / f"{path.stem}.jpg").convert("L")
        grey.save(path)
    with pytest.raises(DataError, match="has none of these"):
        find_data(tmp_path)
