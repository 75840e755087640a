"""Paths that name an uploaded image."""

import os

import pytest

from groupnet_det.errors import DataError
from groupnet_det.web.uploads import REFUSAL, Uploads


@pytest.fixture
def uploads(tmp_path):
    """A folder with a picture, and a secret beside it."""
    (tmp_path / "uploads/hash").mkdir(parents=True)
    (tmp_path / "uploads/hash/photo.png").touch()
    (tmp_path / "secret.png").touch()
    return Uploads(tmp_path / "uploads")


def test_a_image_in_the_folder(uploads):
    path = uploads.folder / "hash/photo.png"
    assert uploads.checked(str(path)) == path
    uploads.check_all({"data": [None, {"path": str(path), "meta": {}}, 0.5, "text"]})


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.png", "hash/../../secret.png", "hash/../hash/photo.png", "./hash/photo.png"),
        *("", "hash", "hash/missing.png", "hash//photo.png", "hash/photo.png/", "hash/photo.png\0"),
    ],
    ids=repr,
)
def test_other_paths_from_the_folder(uploads, path):
    with pytest.raises(DataError, match=REFUSAL):
        uploads.checked(f"{uploads.folder}/{path}")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/no_such",
        "/dev/zero",
        "http://localhost/a.png",
        "a.png",
        "",
        None,
        3,
        [],
    ],
    ids=repr,
)
def test_paths_elsewhere(uploads, path):
    with pytest.raises(DataError, match=REFUSAL):
        uploads.checked(path)


def test_the_name_of_another_folder_that_begins_so(uploads):
    other = uploads.folder.with_name("uploads2")
    other.mkdir()
    (other / "a.png").touch()
    with pytest.raises(DataError, match=REFUSAL):
        uploads.checked(str(other / "a.png"))


@pytest.mark.parametrize("kind", ["link", "linked folder", "pipe", "long name"])
def test_what_is_no_plain_file(uploads, kind):
    path = uploads.folder / "hash" / "odd.png"
    if kind == "link":
        path.symlink_to(uploads.folder.parent / "secret.png")
    elif kind == "linked folder":
        (uploads.folder / "out").symlink_to(uploads.folder.parent)
        path = uploads.folder / "out/secret.png"
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = uploads.folder / ("x" * 5000)
    with pytest.raises(DataError, match=REFUSAL):
        uploads.checked(str(path))


@pytest.mark.parametrize(
    "value",
    [
        {"path": "/etc/passwd"},
        {"data": [{"path": "/etc/passwd"}]},
        [[[{"value": {"path": "http://localhost/"}}]]],
        {"path": None},
        {"path": {"path": 3}},
    ],
    ids=repr,
)
def test_files_are_found_at_any_depth(uploads, value):
    with pytest.raises(DataError, match=REFUSAL):
        uploads.check_all(value)
