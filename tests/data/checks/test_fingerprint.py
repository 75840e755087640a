import copy

import numpy as np
import pytest

from groupnet_det.data.checks.fingerprint import fingerprint_records

RECORDS = [
    {
        "file_name": "/a/1.jpg",
        "height": 3,
        "width": 4,
        "annotations": [
            {"bbox": [0, 0, 2, 2], "category_id": 1, "segmentation": {"counts": b"12"}},
            {"bbox": [1, 1, 1, 1], "category_id": 0},
        ],
    },
    {"file_name": "/a/2.jpg", "height": 3, "width": 4, "annotations": []},
]


def test_neither_place_nor_order_counts():
    moved = [{**r, "file_name": r["file_name"].replace("/a/", "/b/c/")} for r in RECORDS[::-1]]
    assert fingerprint_records(["x", "y"], moved) == fingerprint_records(["x", "y"], RECORDS)
    assert len(fingerprint_records([], [])) == 64


def test_numbers_of_numpy_count_as_numbers():
    changed = copy.deepcopy(RECORDS)
    changed[0]["annotations"][0]["bbox"] = np.array([0, 0, 2, 2])
    assert fingerprint_records(["x"], changed) == fingerprint_records(["x"], RECORDS)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r[0].update(file_name="/a/3.jpg"),
        lambda r: r[0].update(width=5),
        lambda r: r[0]["annotations"].pop(),
        lambda r: r[0]["annotations"][1].update(category_id=1),
        lambda r: r[0]["annotations"][0]["segmentation"].update(counts=b"13"),
        lambda r: r.pop(),
    ],
    ids=["name", "size", "annotation", "class", "mask", "image"],
)
def test_every_change_shows(change):
    changed = copy.deepcopy(RECORDS)
    change(changed)
    assert fingerprint_records(["x", "y"], changed) != fingerprint_records(["x", "y"], RECORDS)


def test_class_names_count():
    assert fingerprint_records(["x", "y"], RECORDS) != fingerprint_records(["y", "x"], RECORDS)
