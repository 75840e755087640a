"""The drawings are what their script draws."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "images" / "drawings"


def test_the_files_are_those_that_the_script_writes(tmp_path):
    command = [sys.executable, str(ROOT / "docs" / "draw"), "--output", str(tmp_path)]
    subprocess.run(command, check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in FOLDER.iterdir()}


def test_every_drawing_is_well_formed_has_a_title_and_stays_on_its_canvas():
    for path in FOLDER.glob("*.svg"):
        drawing = ElementTree.fromstring(path.read_text())
        name = "{http://www.w3.org/2000/svg}"
        assert drawing.find(f"{name}title").text
        _, _, width, height = map(float, drawing.get("viewBox").split())
        for box in drawing.iter(f"{name}rect"):
            assert float(box.get("x")) + float(box.get("width")) <= width, path.name
            assert float(box.get("y")) + float(box.get("height")) <= height, path.name
        for text in drawing.iter(f"{name}text"):
            assert 0 < float(text.get("x")) < width, path.name
            assert 0 < float(text.get("y")) < height, path.name
