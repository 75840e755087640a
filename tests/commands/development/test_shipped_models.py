"""Models of a zoo as files of the package."""

import json

import pytest

from groupnet_det.commands.development.shipped_models import LARGEST, ship
from groupnet_det.errors import DataError
from groupnet_det.pretrained import CARDS

OLD = {"name": "other_mnist5k", "file": "other_mnist5k.gnp"}
NAME = "small_photo_digits"


def entry(**packed):
    return {
        "name": NAME,
        "task": "detection",
        "metric": {"name": "bbox/AP", "value": 50},
        "date": "2026-01-01",
        "commands": ["train"],
        "packed": {
            "verdict": "verified",
            "bytes": 4,
            "file": "model.gnp",
            "commands": ["export", "verify"],
            **packed,
        },
    }


@pytest.fixture
def zoo(tmp_path):
    (tmp_path / "model.gnp").write_bytes(b"file")
    return tmp_path


@pytest.fixture
def folder(tmp_path):
    """With a model of an earlier zoo."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / CARDS).write_text(json.dumps([OLD, {"name": NAME, "bytes": 3}]))
    return folder


def test_a_model_replaces_the_one_of_its_name_and_no_other(zoo, folder):
    ship([entry()], zoo, folder)
    old, new = json.loads((folder / CARDS).read_text())
    assert old == OLD
    assert (new["name"], new["bytes"], new["image"]) == (NAME, 4, "photo_digits.png")
    assert new["commands"] == ["train", "export"]
    assert (folder / f"{NAME}.gnp").read_bytes() == b"file"


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ({"verdict": "failed"}, "gives other predictions than the network"),
        ({"bytes": LARGEST + 1}, f"{LARGEST + 1} bytes, of at most {LARGEST}"),
    ],
    ids=["wrong", "large"],
)
def test_a_model_that_is_not_fit_changes_nothing(zoo, folder, packed, message):
    before = (folder / CARDS).read_text()
    with pytest.raises(DataError, match=message):
        ship([entry(**packed)], zoo, folder)
    assert (folder / CARDS).read_text() == before
