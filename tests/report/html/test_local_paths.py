"""Absolute paths in texts of a report."""

from pathlib import Path

import pytest

from groupnet_det.report.html.local_paths import without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/runs/a/cells/model.gnp does not exist", "cells/model.gnp does not exist"),
        ("export /runs/a/cells/m.pth /runs/a/cells/m.gnp", "export cells/m.pth cells/m.gnp"),
        ("IMAGES: '/srv/data/cells/images'", "IMAGES: '…/images'"),
        ("['/srv/a/b.json', '/srv/c']", "['…/b.json', '…/c']"),
        ("OUTPUT_DIR: output/cells", "OUTPUT_DIR: output/cells"),
        ("BOPs / 64 + MACs; 3/4; and/or", "BOPs / 64 + MACs; 3/4; and/or"),
        ("hf://user/name/model.gnp", "hf://user/name/model.gnp"),
        ("./output/cells ../x/y", "./output/cells ../x/y"),
    ],
    ids=["below", "twice", "elsewhere", "list", "relative", "fractions", "address", "dots"],
)
def test_paths(text, shown):
    assert without_folders(text, folder=Path("/runs/a/cells")) == shown


def test_the_current_folder_and_home(monkeypatch, tmp_path):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path))
    text = f"{tmp_path}/project/data.yaml and {tmp_path}/photos/x.jpg"
    assert without_folders(text, folder=Path("/runs/a")) == "data.yaml and ~/photos/x.jpg"
