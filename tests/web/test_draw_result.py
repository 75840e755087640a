"""Pictures in, results drawn."""

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import Combination, combine
from groupnet_det.web import draw_result
from groupnet_det.web.draw_result import read_upload, show_result, shrink_for_drawing
from groupnet_det.web.offered_models import BOXES, CLASS, LABELS_QUESTION, MASKS

THINGS, STUFF = ("cat", "dog"), ("things", "grass", "sky")
GREY = np.full((60, 80, 3), 128, dtype=np.uint8)


def detections():
    """A cat in the left half, masked in its upper half, and a faint dog."""
    masks = torch.zeros(2, 60, 80, dtype=torch.bool)
    masks[0, 10:30, 5:35] = True
    return Detections(
        boxes=torch.tensor([[5.0, 10.0, 35.0, 50.0], [45.0, 10.0, 75.0, 50.0]]),
        scores=torch.tensor([0.9, 0.2]),
        classes=torch.tensor([0, 1]),
        class_names=THINGS,
        image_size=(60, 80),
        masks=masks,
    )


def changed(picture, top, bottom, left, right):
    """The share of changed pixels in a region, given in pixels of `GREY`."""
    scale = picture.shape[0] / 60
    rows, columns = (
        slice(int(top * scale), int(bottom * scale)),
        slice(int(left * scale), int(right * scale)),
    )
    return float((np.abs(picture[rows, columns].astype(int) - 128) > 20).any(axis=2).mean())


def test_boxes_and_their_list():
    shown = show_result(GREY, detections(), question=BOXES, threshold=0.5)
    assert shown.picture.shape == (480, 640, 3)
    (finding,) = shown.findings
    assert (finding.name, finding.colour) == ("cat", (255, 0, 0))
    assert finding.share == pytest.approx(0.9)
    assert changed(shown.picture, 15, 25, 10, 30) == 0  # inside of the box
    assert changed(shown.picture, 9, 11, 4, 36) > 0.2  # its upper side
    assert changed(shown.picture, 0, 60, 40, 80) < 0.02  # no dog, perhaps some of the cat's text


def test_masks():
    shown = show_result(GREY, detections(), question=MASKS, threshold=0.1)
    assert [finding.name for finding in shown.findings] == ["cat", "dog"]
    assert changed(shown.picture, 12, 28, 8, 32) > 0.9
    assert changed(shown.picture, 36, 44, 12, 30) < 0.1
    assert changed(shown.picture, 9, 11, 45, 75) > 0.2


def test_panoptic_results_are_shown_by_the_question():
    labels = torch.zeros(60, 80, dtype=torch.int64)
    labels[:, 60:] = 1
    rule = Combination(overlap_threshold=0.5, stuff_area_limit=1, score_threshold=0.5)
    result = combine(detections(), LabelMap(labels, STUFF), rule)
    for question in (BOXES, MASKS):
        shown = show_result(GREY, result, question=question, threshold=0.5)
        expected = show_result(GREY, detections(), question=question, threshold=0.5)
        assert np.array_equal(shown.picture, expected.picture)
        assert shown.findings == expected.findings
    shown = show_result(GREY, result, question=LABELS_QUESTION, threshold=0.5)
    assert [(f.name, f.share) for f in shown.findings] == [("things", 0.75), ("grass", 0.25)]


def test_labels():
    labels = torch.zeros(60, 80, dtype=torch.int64)
    labels[:, :20] = 2
    result = LabelMap(labels, STUFF)
    shown = show_result(GREY, result, question=LABELS_QUESTION, threshold=0.5)
    assert [(f.name, f.share, f.colour) for f in shown.findings] == [
        ("things", 0.75, (0, 0, 0)),
        ("sky", 0.25, (0, 128, 0)),
    ]
    red, green, blue = shown.picture[400, 40].astype(int)
    assert green - red > 20
    assert green - blue > 20
    assert changed(shown.picture, 0, 60, 25, 80) < 0.05


def test_classes():
    result = Classification(torch.tensor([0.0, 2.0]), THINGS)
    shown = show_result(GREY, result, question=CLASS, threshold=0.5)
    assert [finding.name for finding in shown.findings] == ["dog", "cat"]
    assert shown.findings[0].share == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert (shown.picture == 128).all()


@pytest.mark.parametrize("size", [(3000, 100), (100, 3000), (10, 10), (1281, 640)])
def test_sizes_stay_within_bounds(size):
    pixels = shrink_for_drawing(np.zeros((*size, 3), dtype=np.uint8), draw_result.MAX_SIDE)
    assert max(pixels.shape) == min(max(size), 1280)
    result = Classification(torch.tensor([0.0, 2.0]), THINGS)
    shown = show_result(pixels, result, question=CLASS, threshold=0.5)
    assert max(shown.picture.shape) <= 1280
    ratio = shown.picture.shape[0] / shown.picture.shape[1]
    assert ratio == pytest.approx(size[0] / size[1], rel=0.05)


def test_a_image_is_turned_and_shrunk(tmp_path):
    image = Image.new("RGB", (2600, 1300), "red")
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_upload(str(tmp_path / "a.jpg"), "a.jpg").shape == (1280, 640, 3)


def test_bad_files_are_named_without_their_path(tmp_path, monkeypatch):
    bad = tmp_path / "0123.png"
    bad.write_text("no picture")
    with pytest.raises(DataError, match=r"cat\.png cannot be read") as error:
        read_upload(str(bad), "cat.png")
    assert str(tmp_path) not in str(error.value)
    Image.new("RGB", (40, 30)).save(bad)
    assert read_upload(str(bad), "cat.png").shape == (30, 40, 3)
    monkeypatch.setattr(draw_result, "MAX_PIXELS", 1199)
    with pytest.raises(DataError, match=r"cat\.png has 40 x 30 pixels"):
        read_upload(str(bad), "cat.png")
    Image.new("I;16", (20, 10)).save(bad)
    with pytest.raises(DataError, match="more than 8 bits") as error:
        read_upload(str(bad), "cat.png")
    assert str(tmp_path) not in str(error.value)
