"""The Python of docs/use/results.md, run from the first block to the last."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from tests.runtime.small_detectors import region_detector

from .markdown import blocks

pytestmark = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")


def write_files(folder):
    """What the page names: a file with masks, images and a video."""
    packed = region_detector()
    write_packed(folder / "model.gnp", packed.program, packed.info, packed.tensors)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "photos/a.png", "photos/b.png"):
        Image.fromarray(pixels).save(folder / name)
    video = cv2.VideoWriter(
        str(folder / "street.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (40, 32)
    )
    for _ in range(3):
        video.write(pixels)
    video.release()


def test_the_page_runs(root, tmp_path, monkeypatch, capsys):
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks((root / "docs/use/results.md").read_text(), "python"):
        exec(compile(block, "docs/use/results.md", "exec"), names)
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a.png", "b.png"]
    assert (tmp_path / "drawn.png").exists()
    found = names["found"]
    assert len(names["coco"]) == len(found)
    assert json.loads((tmp_path / "found.json").read_text()) == json.loads(names["text"])
    assert repr(found) in capsys.readouterr().out
