from pathlib import Path

import pytest

from groupnet_det.images.file_patterns import find_images, is_video, names_several


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.PNG", "c.txt", "below/a.jpg", "other/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["a.jpg"], ["a.jpg"]),
        (["*.jpg", "a.jpg"], ["a.jpg"]),
        (["**/*.jpg"], ["a.jpg", "below/a.jpg", "other/a.jpg"]),
        (["."], ["a.jpg", "b.PNG"]),
        (["c.txt", "*.jpg"], ["c.txt", "a.jpg"]),
    ],
    ids=["file", "twice", "below", "folder", "order"],
)
def test_files_folders_and_patterns(folder, monkeypatch, patterns, names):
    monkeypatch.chdir(folder)
    found, problems = find_images(patterns)
    assert [str(path) for path in found] == names
    assert problems == []


def test_what_matches_nothing_is_reported_and_the_others_found(folder, monkeypatch):
    monkeypatch.chdir(folder)
    found, problems = find_images(["x/*.jpg", "absent.jpg", "empty", "a.jpg"])
    assert found == [Path("a.jpg")]
    assert problems == [
        "no file matches x/*.jpg",
        "absent.jpg does not exist",
        "folder empty holds no image",
    ]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a[1].jpg").write_bytes(b"")
    assert find_images(["a[1].jpg"])[0] == [Path("a[1].jpg")]


def test_what_names_several_images(folder, monkeypatch):
    monkeypatch.chdir(folder)
    Path("a[1].jpg").write_bytes(b"")
    for name in ("empty", "below", "*.jpg", "absent/**"):
        assert names_several(name), name
    for name in ("a.jpg", "absent.jpg", "a[1].jpg"):
        assert not names_several(name), name


def test_what_is_a_video():
    assert is_video("a/b.MP4")
    assert not is_video("a.gif")
