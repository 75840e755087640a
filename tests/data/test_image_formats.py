"""Formats of images: those that Pillow decodes itself, whatever a file's name says."""

import contextlib
import os

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from groupnet_det.config import load_config
from groupnet_det.data.loading.classification_mapper import ClassificationMapper
from groupnet_det.data.loading.detection_mapper import DetectionMapper
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import FORMATS, open_image, read_rgb
from groupnet_det.images.file_patterns import find_images
from groupnet_det.images.label_images import read_labels
from groupnet_det.images.reading import read_image
from groupnet_det.visualization.class_sheets import draw_class
from groupnet_det.web.draw_result import read_upload

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
MINIMAL_XPM = b'/* XPM */\nstatic char *a[] = {"1 1 1 1", "a c #000000", "a"};\n'


def of_classes(path):
    draw_class({"file": path, "label": "a", "prediction": "a", "probability": "1"})


def of_training(mapper):
    def read(path):
        cfg = load_config("")
        record = {"file_name": path, "height": 20, "width": 30, "label": 0, "annotations": []}
        mapper(cfg, is_train=True)(record)

    return read


READERS = {
    "read_rgb": read_rgb,
    "packed predictor": lambda path: read_image(path, least_side=1),
    "web page": lambda path: read_upload(path, path),
    "labels": read_labels,
    "drawing of classes": of_classes,
    "detection": of_training(DetectionMapper),
    "classification": of_training(ClassificationMapper),
}


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A program in Ghostscript's place, which leaves a file where it is started."""
    (tmp_path / "bin").mkdir()
    program, mark = tmp_path / "bin/gs", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # looked for again
    return mark


@pytest.mark.parametrize("reader", READERS)
def test_a_postscript_file_starts_no_program(tmp_path, ghostscript, reader):
    path = tmp_path / "photo.jpg"
    Image.fromarray(PIXELS).save(path, format="EPS")
    with pytest.raises(
        DataError, match=r"photo\.jpg cannot be read: .*is EPS; valid: BMP"
    ) as error:
        READERS[reader](str(path))
    assert ", ".join(FORMATS) in str(error.value)
    assert "\n" not in str(error.value)
    assert not ghostscript.exists()


def test_what_pillow_alone_does_with_it(tmp_path, ghostscript):
    """So that the test above would see it."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(PIXELS).save(path, format="EPS")
    with Image.open(path) as image, contextlib.suppress(OSError):  # there is no picture then
        image.load()
    assert ghostscript.exists()


@pytest.mark.parametrize("kind", ["ICNS", "PCX", "SGI", "DDS", "JPEG2000", "XPM", "text", "empty"])
def test_other_formats_are_reported(tmp_path, kind):
    path = tmp_path / "photo.png"
    contents = {"text": b"hello, this is a text", "empty": b"", "XPM": MINIMAL_XPM}
    if kind in contents:
        path.write_bytes(contents[kind])
    else:
        Image.fromarray(PIXELS).resize((32, 32)).save(path, format=kind)
    told = "unknown" if kind in ("text", "empty") else kind
    with pytest.raises(DataError, match=f"its format is {told}; valid: BMP, GIF"):
        read_rgb(str(path))


@pytest.mark.parametrize("kind", sorted({*FORMATS} - {"MPO"}))
def test_these_are_read_under_any_name(tmp_path, kind):
    path = tmp_path / "photo.eps"
    Image.fromarray(PIXELS).save(path, format=kind)
    assert read_rgb(str(path)).shape == PIXELS.shape


def test_images_of_cameras_that_hold_several(tmp_path):
    path = tmp_path / "photo.jpg"
    image = Image.fromarray(PIXELS)
    image.save(path, format="MPO", save_all=True, append_images=[image])
    with open_image(str(path)) as opened:
        assert opened.format == "MPO"
    assert read_rgb(str(path)).shape == PIXELS.shape


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_a_broken_file_is_reported_so(tmp_path, kind):
    path = tmp_path / "photo.jpg"
    image = Image.fromarray(PIXELS)
    image.save(path, format=kind)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match=r"photo\.jpg") as error:
        read_rgb(str(path))
    assert "\n" not in str(error.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(DataError, match="is not a regular file"):
        read_rgb(str(tmp_path / "photo.jpg"))


def test_folders_are_searched_for_these_alone(tmp_path):
    for name in ("a.jpg", "b.eps", "c.pdf", "d.webp", "e.txt", "f.TIF"):
        (tmp_path / name).touch()
    found, _ = find_images([str(tmp_path)])
    assert [path.name for path in found] == ["a.jpg", "d.webp", "f.TIF"]
