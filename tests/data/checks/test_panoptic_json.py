"""COCO panoptic files that other packages would misread are refused in one line."""

import json

import pytest

from groupnet_det.data.checks.panoptic_json import check_panoptic_file
from groupnet_det.errors import DataError


@pytest.fixture
def content():
    segment = {"id": 7, "category_id": 1, "iscrowd": 0, "area": 4, "bbox": [0, 0, 2, 2]}
    return {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [segment]}],
        "categories": [{"id": 1, "name": "cat", "isthing": 1}, {"id": 2, "name": "sky"}],
    }


def check(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "panoptic.json"
    path.write_text(json.dumps(content), encoding=encoding)
    check_panoptic_file(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_right_file(tmp_path, content, encoding):
    check(tmp_path, content, encoding)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 0}, "segment of id 0; .* 0 is the colour of what belongs to none"),
        ({"id": 256**3}, "segment of id 16777216"),
        ({"id": "7"}, "segment of id '7'"),
        ({"iscrowd": "0"}, "segment with iscrowd '0'; it must be 0 or 1"),
        ({"iscrowd": None}, "segment with iscrowd None"),
        ({"category_id": 9}, "segment of category 9, which is not listed"),
        ({"category_id": [1]}, r"segment of category \[1\]"),
    ],
    ids=["zero", "too-large", "text", "crowd-text", "crowd-null", "category", "list"],
)
def test_odd_segments(tmp_path, content, change, message):
    content["annotations"][0]["segments_info"][0].update(change)
    with pytest.raises(DataError, match=rf"panoptic\.json: image 1 has a {message}"):
        check(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["categories"][1].update(name="cat "), "classes of the same name"),
        (lambda c: c["categories"][1].update(name=""), "class 2 of 2 has the empty name"),
        (lambda c: c["images"].append({"id": "b", "file_name": "b.jpg"}), "partly texts"),
        (lambda c: c["annotations"][0].pop("segments_info"), r"annotations\[0\] lacks segm"),
        (
            lambda c: c["annotations"][0].update(segments_info={}),
            "segments_info that is not a list",
        ),
        (lambda c: c.pop("images"), "has no list 'images'"),
        (lambda c: c["images"][0].update(id=[1]), r"images\[0\] has id \[1\]"),
    ],
    ids=["names", "empty-name", "ids", "no-segments", "mapping", "no-images", "list-id"],
)
def test_odd_files(tmp_path, content, change, message):
    change(content)
    with pytest.raises(DataError, match=message):
        check(tmp_path, content)
