import numpy as np
import pytest
from detectron2.data.datasets import load_voc_instances
from PIL import Image

from groupnet_det.data.checks.boxes_and_masks import check_boxes
from groupnet_det.data.dataset_checks import check_voc_layout
from groupnet_det.data.datasets.registration import register_voc
from groupnet_det.data.datasets.voc_layout import load_voc, read_annotation, read_split
from groupnet_det.errors import DataError

OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>0</truncated>
<difficult>{difficult}</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>
<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"""
CLASSES = ["cat", "dog"]


def write_voc(root, images, split="test", size=(40, 30)):
    """A VOC tree: ``images`` maps ids to lists of (name, box, difficult)."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for image_id, objects in images.items():
        Image.new("RGB", size).save(root / f"JPEGImages/{image_id}.jpg")
        told = "".join(OBJECT.format(name=n, box=b, difficult=int(d)) for n, b, d in objects)
        (root / f"Annotations/{image_id}.xml").write_text(
            f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{told}"
            "</annotation>"
        )
    (root / f"ImageSets/Main/{split}.txt").write_text("\n".join(images) + "\n")
    return root


IMAGES = {
    "000007": [("cat", (3, 4, 20, 25), False), ("dog", (1, 1, 40, 30), True)],
    "000012": [],
}


def test_records_are_those_of_detectron2(tmp_path):
    write_voc(tmp_path, IMAGES)
    assert load_voc(tmp_path, "test", CLASSES) == load_voc_instances(str(tmp_path), "test", CLASSES)


def test_one_image_and_lists_with_a_second_column(tmp_path):
    write_voc(tmp_path, {"only": IMAGES["000007"]})
    (tmp_path / "ImageSets/Main/test.txt").write_text("only 1\n\n")
    assert read_split(tmp_path, "test") == ["only"]
    (record,) = load_voc(tmp_path, "test", CLASSES)
    assert record["annotations"][0]["bbox"] == [2, 3, 20, 25]
    assert read_annotation(tmp_path / "Annotations/only.xml").objects[1].difficult


def test_a_list_may_lie_elsewhere(tmp_path):
    write_voc(tmp_path / "voc", IMAGES)
    (tmp_path / "mine.txt").write_text("000012\n")
    assert read_split(tmp_path / "voc", str(tmp_path / "mine")) == ["000012"]
    check_voc_layout(tmp_path / "voc", str(tmp_path / "mine"))
    with pytest.raises(DataError, match=r"other\.txt does not exist"):
        read_split(tmp_path / "voc", str(tmp_path / "other"))


def test_lists_of_one_class_pass_the_check(tmp_path):
    write_voc(tmp_path, IMAGES)
    (tmp_path / "ImageSets/Main/cat_test.txt").write_text("000007  1\n000012 -1\n")
    check_voc_layout(tmp_path, "cat_test")
    (tmp_path / "Annotations/000012.xml").unlink()
    with pytest.raises(DataError, match=r"000012\.xml, listed in .*cat_test\.txt, is missing"):
        check_voc_layout(tmp_path, "cat_test")


def test_other_kinds_of_images(tmp_path):
    write_voc(tmp_path, {"a": []})
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages/a.png")
    assert load_voc(tmp_path, "test", CLASSES)[0]["file_name"].endswith("a.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation>", r"a\.xml is not XML"),
        (
            "<annotation><size><width>4</width><height>x</height></size></annotation>",
            "size/height 'x', which is not a number",
        ),
        (
            "<annotation><size><width>nan</width><height>3</height></size></annotation>",
            "size/width 'nan', which is not a number",
        ),
        (
            "<annotation><size><width>4</width><height>3</height></size><object/></annotation>",
            "object 1 has no name",
        ),
        (
            "<annotation><size><width>4</width><height>3</height></size>"
            "<object><name>cat</name></object></annotation>",
            "object 1 has bndbox/xmin None",
        ),
        (
            "<annotation><size><width>4</width><height>3</height></size>"
            + OBJECT.format(name="cow", box=(1, 1, 2, 2), difficult=0)
            + "</annotation>",
            r"a\.xml: object 1 is of class 'cow'; its classes must be among CLASSES",
        ),
    ],
    ids=["xml", "number", "nan", "name", "box", "class"],
)
def test_broken_annotations_are_named(tmp_path, text, message):
    write_voc(tmp_path, {"a": []})
    (tmp_path / "Annotations/a.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        load_voc(tmp_path, "test", CLASSES)


def test_missing_files_are_named(tmp_path):
    write_voc(tmp_path, {"a": []})
    with pytest.raises(DataError, match=r"train\.txt does not exist"):
        read_split(tmp_path, "train")
    (tmp_path / "Annotations/a.xml").unlink()
    with pytest.raises(DataError, match=r"a\.xml does not exist"):
        load_voc(tmp_path, "test", CLASSES)
    (tmp_path / "ImageSets/Main/test.txt").write_text("\n")
    with pytest.raises(DataError, match="names no image"):
        read_split(tmp_path, "test")


@pytest.mark.parametrize(
    ("box", "fault"),
    [((41, 3, 45, 9), "lies outside its image of 40x30"), ((9, 3, 7, 9), "is of negative size")],
    ids=["outside", "negative"],
)
def test_impossible_boxes_are_reported_as_their_files_have_them(tmp_path, box, fault):
    write_voc(tmp_path, {"a": [("cat", (1, 1, 9, 9), 0), ("cat", box, 0)]})
    register_voc("boxes", str(tmp_path), "test", CLASSES)
    told = rf"a\.jpg: box \[{box[0]}.0, .*\(xmin, ymin, xmax, ymax\) of object 2 {fault}"
    with pytest.raises(DataError, match=rf"{told}.* fix it in \S*/Annotations/a\.xml"):
        check_boxes("boxes", load_voc(tmp_path, "test", CLASSES))


def test_real_files(test_data):
    root = test_data / "data/bccd"
    names = ["RBC", "WBC", "Platelets"]
    records = load_voc(root, "test", names)
    theirs = load_voc_instances(str(root), "test", names)
    assert len(records) == len(theirs) > 50
    assert np.all([a == b for a, b in zip(records, theirs, strict=True)])
