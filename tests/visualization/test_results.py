"""Results files that cannot be drawn are refused in one line."""

import json

import pytest

from groupnet_det.errors import DataError
from groupnet_det.visualization.prediction_sheets import load_results

RIGHT = {"image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_right_results(tmp_path, encoding):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([RIGHT, {**RIGHT, "image_id": "a"}]), encoding=encoding)
    assert sorted(load_results(path), key=str) == [0, "a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "0.5"}, "result 1 has score '0.5'"),
        ({"score": None}, "result 1 has score None"),
        ({"bbox": [1, 2, 3]}, r"result 1 has bbox \[1, 2, 3\]"),
        ({"category_id": None}, "result 1 has category_id None"),
        ({"image_id": True}, "result 1 has image_id True"),
    ],
    ids=str,
)
def test_members_of_other_kinds(tmp_path, change, message):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([RIGHT, {**RIGHT, **change}]))
    with pytest.raises(DataError, match=rf"results\.json is not a list of COCO results: {message}"):
        load_results(path)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "results.json"
    path.write_bytes(
        json.dumps([{**RIGHT, "image_id": "für"}], ensure_ascii=False).encode(encoding)
    )
    with pytest.raises(DataError, match=r"results\.json .*save it as UTF-8"):
        load_results(path)
