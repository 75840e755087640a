from pathlib import Path

import pytest

from groupnet_det.data.datasets.mask_folders import load_mask_folders
from groupnet_det.errors import DataError


@pytest.fixture
def load(tmp_path, mask_folders):
    mask_folders("mine")

    def load(lines=None, **changes):
        if lines is not None:
            (tmp_path / "list.txt").write_text(lines)
        arguments = {
            "list_file": None if lines is None else tmp_path / "list.txt",
            "mask_suffix": ".png",
            "fix": "fix it",
            **changes,
        }
        root = tmp_path / "mine"
        return load_mask_folders(root / "images", root / "masks", **arguments)

    load.root = tmp_path / "mine"
    return load


def stems(records):
    return [Path(record["file_name"]).stem for record in records]


def test_all_images_or_those_of_a_list(load):
    records = load()
    assert stems(records) == list("abcdef")
    assert records[0] == {
        "file_name": str(load.root / "images/a.jpg"),
        "sem_seg_file_name": str(load.root / "masks/a.png"),
    }
    assert stems(load("f\n\n b.jpg \n")) == ["f", "b"]


def test_masks_may_have_another_suffix(load):
    assert load(mask_suffix="_mask.png")[1]["sem_seg_file_name"].endswith("masks/b_mask.png")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", r"list\.txt is empty"),
        ("\n \n", r"list\.txt is empty"),
        ("a\nghost\n", r"list\.txt names 'ghost', but .*images has no such image"),
        ("a\nb\na\n", r"list\.txt has a\.jpg twice"),
    ],
    ids=["empty", "blank", "absent", "twice"],
)
def test_bad_lists(load, lines, message):
    with pytest.raises(DataError, match=message):
        load(lines)


def test_missing_list(load, tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt does not exist; fix it"):
        load(list_file=tmp_path / "gone.txt")


def test_list_that_is_no_text(load, tmp_path):
    (tmp_path / "odd.txt").write_bytes(b"a\xff\xfe\x01")
    with pytest.raises(DataError, match=r"odd\.txt is not text in UTF-8 \(byte 1 is 0xff"):
        load(list_file=tmp_path / "odd.txt")


def test_missing_or_empty_folder(load):
    for path in (load.root / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"images holds no image; fix it"):
        load()
    (load.root / "images").rmdir()
    with pytest.raises(DataError, match=r"images does not exist; fix it"):
        load()


def test_images_of_one_name(load):
    (load.root / "images/a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"has a\.png beside a\.jpg; take one out"):
        load()
    assert stems(load("b\n")) == ["b"]
