"""data.yaml, its splits and labels; a box is compared with one by hand."""

import logging
import re

import pytest
import yaml
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_datasets
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.data.datasets.yolo_layout import (
    images_of,
    label_file,
    load_yolo,
    read_yolo,
)
from groupnet_det.errors import DataError

WIDTH, HEIGHT = 40, 20
BOX = "1 0.5 0.25 0.2 0.5"  # 16 to 24, 0 to 10
TRIANGLE = "0 0.1 0.1 0.5 0.1 0.1 0.6"


def write_yolo(root, labels, *, split="train", **content):
    """Images and labels of a split, ``None`` for no file of labels; ``data.yaml`` says `content`
    besides the names cat and dog."""
    for stem, text in labels.items():
        image = root / split / "images" / f"{stem}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(image)
        if text is not None:
            label_file(image).parent.mkdir(exist_ok=True)
            label_file(image).write_text(text)
    path = root / "data.yaml"
    said = {"names": ["cat", "dog"], "train": "train/images", **content}
    path.write_text(yaml.safe_dump({key: value for key, value in said.items() if value}))
    return path


def test_boxes_and_polygons_are_in_pixels(tmp_path):
    path = write_yolo(tmp_path, {"a": f"{BOX}\n\n{TRIANGLE}\n", "b": "", "c": None})
    first, empty, missing = load_yolo(path, "train")
    box, mask = first["annotations"]
    assert (first["width"], first["height"]) == (WIDTH, HEIGHT)
    assert first["image_id"] == "train/images/a.jpg"
    assert (box["category_id"], box["bbox_mode"]) == (1, BoxMode.XYXY_ABS)
    assert box["bbox"] == pytest.approx([16, 0, 24, 10])
    assert "segmentation" not in box
    assert mask["bbox"] == pytest.approx([4, 2, 20, 12])
    assert mask["segmentation"] == [pytest.approx([4, 2, 20, 2, 4, 12])]
    assert empty["annotations"] == missing["annotations"] == []


def test_missing_labels_are_counted_and_none_at_all_refused(tmp_path, caplog):
    path = write_yolo(tmp_path, {"a": BOX, "b": None})
    with caplog.at_level(logging.WARNING):
        load_yolo(path, "train")
    assert "1 of 2 images of train have no file of labels" in caplog.text
    (tmp_path / "train/labels/a.txt").unlink()
    with pytest.raises(DataError, match=r"no image of train has labels; .*train/labels/a\.txt"):
        load_yolo(path, "train")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "dog"], ("cat", "dog")),
        ({0: "cat", 1: "dog"}, ("cat", "dog")),
        ({1: "dog", 0: "cat"}, ("cat", "dog")),
        ([0, 1], ("0", "1")),
    ],
    ids=["list", "mapping", "order", "numbers"],
)
def test_names_of_classes(tmp_path, names, expected):
    assert read_yolo(write_yolo(tmp_path, {}, names=names)).class_names == expected


@pytest.mark.parametrize(
    "said",
    ["[no, null, 02, 1.50]", "{0: no, 2: 02, 1: null, 3: 1.50}", "\n- no\n- null\n- 02\n- 1.50"],
    ids=["list", "mapping", "block"],
)
def test_names_are_read_as_they_are_written(tmp_path, said):
    """Which YAML takes for False, nothing, 2 and 1.5."""
    path = write_yolo(tmp_path, {}, names=None)
    path.write_text(f"{path.read_text()}names: {said}\n")
    assert read_yolo(path).class_names == ("no", "null", "02", "1.50")


@pytest.mark.parametrize(
    "said",
    ["train/images", "./train/images", "../train/images", "list.txt", ["train/images"], "train"],
    ids=["folder", "dot", "Roboflow", "list", "folders", "folder above"],
)
def test_a_split_is_a_folder_a_list_or_several(tmp_path, said):
    path = write_yolo(tmp_path / "set", {"b": BOX, "a": BOX}, train=said)
    (tmp_path / "set/list.txt").write_text("./train/images/a.jpg\ntrain/images/b.jpg\n")
    assert [image.name for image in images_of(read_yolo(path), "train")] == ["a.jpg", "b.jpg"]
    assert all(label_file(image).is_file() for image in images_of(read_yolo(path), "train"))


def test_the_root_may_be_elsewhere_and_validation_called_otherwise(tmp_path):
    write_yolo(tmp_path / "set", {"a": BOX})
    write_yolo(tmp_path / "set", {"v": BOX}, split="valid")
    path = tmp_path / "data.yaml"
    content = {"path": "set", "names": ["x", "y"], "train": "train/images"}
    path.write_text(yaml.safe_dump({**content, "validation": "valid/images"}))
    assert [image.name for image in images_of(read_yolo(path), "val")] == ["v.jpg"]
    path.write_text(yaml.safe_dump({**content, "path": str(tmp_path / "set")}))
    assert len(load_yolo(path, "train")) == 1


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("d/images/train/a.jpg", "d/labels/train/a.txt"),
        ("images/x/images/a.b.png", "images/x/labels/a.b.txt"),
        ("d/photos/a.jpg", "d/photos/a.txt"),
        ("d/images.jpg", "d/images.txt"),
    ],
    ids=["folder", "last", "beside", "name"],
)
def test_labels_lie_where_images_do_but_for_the_folder(image, labels, tmp_path):
    assert label_file(tmp_path / image) == tmp_path / labels


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"names": None}, "lacks the key names"),
        ({"names": "cat"}, "names is 'cat'; it must be a list"),
        ({"names": [["cat"], ["dog"]]}, "it must be a list of class names"),
        ({"names": {1: "cat", 2: "dog"}}, "must be the numbers 0 to 1"),
        ({"names": ["cat", "cat "]}, "classes of the same name"),
        ({"nc": 3}, "nc is 3, but names has 2 classes"),
        ({"train": None}, "needs the key train"),
        ({"train": 5}, "train is 5; it must be a folder"),
        ({"train": "absent"}, r"names absent, but .*absent is neither a folder nor a \.txt"),
        ({"path": "/content/set"}, "path is '/content/set', but there is no folder"),
        ({"kpt_shape": [17, 3]}, "keypoints"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_a_data_yaml_that_cannot_work_is_named(tmp_path, content, told):
    path = write_yolo(tmp_path, {"a": BOX}, **content)
    with pytest.raises(DataError, match=f"data.yaml.*{told}"):
        images_of(read_yolo(path), "train")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("cat 0.5 0.5 0.1 0.1", "is 'cat 0.5 0.5 0.1 0.1'; it must be numbers"),
        ("0 0.5 0.5 0.1", "has 4 numbers; a box has 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "has 6 numbers"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "has 8 numbers"),
        ("2 0.5 0.5 0.1 0.1", "is of class 2; names has the classes 0 to 1"),
        ("0.5 0.5 0.5 0.1 0.1", "is of class 0.5"),
        ("0 20 10 8 10", "has 20; its numbers must be shares"),
        ("0 -0.1 0.5 0.1 0.1", "has -0.1; its numbers"),
        ("0 nan 0.5 0.1 0.1", "has nan"),
    ],
    ids=["text", "few", "score", "odd", "class", "half", "pixels", "negative", "nan"],
)
def test_a_label_that_cannot_be_right_is_named(tmp_path, line, told):
    path = write_yolo(tmp_path, {"a": f"{BOX}\n{line}\n"})
    with pytest.raises(DataError, match=r"train/labels/a\.txt: label 2 " + re.escape(told)):
        load_yolo(path, "train")


def test_files_that_are_missing_are_named(tmp_path):
    path = write_yolo(tmp_path, {"a": BOX}, train="list.txt")
    (tmp_path / "list.txt").write_text("train/images/b.jpg\n")
    with pytest.raises(DataError, match=r"list\.txt names 'train/images/b\.jpg'"):
        load_yolo(path, "train")
    with pytest.raises(DataError, match="has no split 'val'; it has train"):
        load_yolo(path, "val")
    with pytest.raises(DataError, match=r"absent\.yaml does not exist"):
        read_yolo(tmp_path / "absent.yaml")
    path.write_text("names: [")
    with pytest.raises(DataError, match="is not YAML"):
        read_yolo(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="train names empty, which holds no image"):
        load_yolo(write_yolo(tmp_path, {}, train="empty"), "train")


def config_of(path, *options):
    entry = {"NAME": "mine", "FORMAT": "yolo", "DATA": str(path), "SPLIT": "train"}
    words = ["DATASETS.CUSTOM", str([entry]), "DATASETS.TRAIN", "['mine']"]
    cfg = load_config("", [*words, "MODEL.ROI_HEADS.NUM_CLASSES", "2", *options])
    register_datasets(cfg)
    return cfg


def test_it_is_registered_and_checked(tmp_path):
    path = write_yolo(tmp_path, {"a": f"{BOX}\n{TRIANGLE}"})
    check_datasets(config_of(path), ["mine"])
    assert MetadataCatalog.get("mine").thing_classes == ["cat", "dog"]
    assert len(DatasetCatalog.get("mine")) == 1


def test_checks_name_the_file_of_labels(tmp_path):
    path = write_yolo(tmp_path, {"a": f"{TRIANGLE}\n{BOX}"})
    with pytest.raises(DataError, match=r"has no mask, .*MASK_ON"):
        check_datasets(config_of(path, "MODEL.MASK_ON", "True"), ["mine"])
    (tmp_path / "train/labels/a.txt").write_text("")
    with pytest.raises(DataError, match="has no box to learn from"):
        check_datasets(config_of(path), ["mine"])


CORNERS = ["0 0.1 0.1 0.4 0.9", "1 0.5 0.2 0.9 0.6", "0 0.0 0.0 1.0 1.0", "1 0.7 0.7 0.9 1.0"]


@pytest.mark.parametrize("lines", [CORNERS, CORNERS[2:3], [*CORNERS, *CORNERS]], ids=len)
def test_corners_as_shares_are_refused_with_a_guess(tmp_path, lines):
    path = write_yolo(tmp_path, {"a": "\n".join(lines)})
    told = r"'mine': \d of \d boxes reach over .* look like corners.*CHECK_BOX_KIND False"
    with pytest.raises(DataError, match=told):
        check_datasets(config_of(path), ["mine"])
    check_datasets(config_of(path, "DATASETS.CHECK_BOX_KIND", "False"), ["mine"])


@pytest.mark.parametrize(
    "lines",
    [[BOX, "0 0.02 0.5 0.5 0.5"], ["0 0.5 0.5 1 1"], ["0 0.2 0.3 0.4 0.6", TRIANGLE]],
    ids=["one over", "whole", "at the corner"],
)
def test_centres_and_sizes_are_taken(tmp_path, lines):
    check_datasets(config_of(write_yolo(tmp_path, {"a": "\n".join(lines)})), ["mine"])
