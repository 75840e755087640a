"""Common functions of all results: drawing, files, conversions."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.errors import ConfigError, DataError
from groupnet_det.extras import MissingExtraError
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.drawing import object_colours
from groupnet_det.runtime.results.label_maps import LabelMap

from .examples import EVERY, IMAGE, detections, label_map, panoptic


def changed(drawn):
    return (np.abs(drawn.astype(int) - IMAGE) > 20).any(axis=2)


@pytest.mark.parametrize("name", EVERY)
def test_it_is_drawn_over_the_image_which_stays(name):
    before = IMAGE.copy()
    drawn = EVERY[name].plot(IMAGE)
    assert (drawn.shape, drawn.dtype) == (IMAGE.shape, np.uint8)
    assert changed(drawn).any()
    assert np.array_equal(IMAGE, before)
    assert np.array_equal(EVERY[name].plot(Image.fromarray(IMAGE)), drawn)


def test_masks_are_filled_and_boxes_are_not():
    inside = np.s_[25:33, 25:45]  # of the first dog, where no name stands
    drawn = [detections(masks=masks).plot(IMAGE, scale=4)[::4, ::4] for masks in (True, False)]
    assert changed(drawn[0])[inside].all()
    assert not changed(drawn[1])[inside].any()
    nothing = detections()[:0]
    assert np.array_equal(nothing.plot(IMAGE), IMAGE)


def test_colours_of_labels():
    drawn = label_map().plot(IMAGE).astype(int)
    assert np.abs(drawn[38, 58] - [128, 64, 64]).max() <= 1  # half of VOC's first colour
    assert np.array_equal(drawn[10, 58], IMAGE[10, 58])  # black is not a colour


def test_a_larger_picture():
    for name in EVERY:
        drawn = EVERY[name].plot(IMAGE, scale=3)
        assert drawn.shape == (120, 180, 3), name
    drawn = detections().plot(IMAGE, scale=3)
    assert (np.abs(drawn[96:102, 75:135].astype(int) - 128) > 20).any(axis=2).all()  # its mask
    assert (drawn[:, 156:159] == 128).any()  # beside all boxes


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 33, None, "2", True], ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_bad_scales_are_refused(name, scale):
    with pytest.raises(ConfigError, match=r"^scale is .*; valid: above 0, up to 32$"):
        EVERY[name].plot(IMAGE, scale=scale)


def test_a_list_longer_than_the_image_says_how_many_are_left_out():
    labels = torch.arange(12).repeat_interleave(200).view(40, 60)
    names = tuple(f"class {number}" for number in range(12))
    drawn = LabelMap(labels, names).plot(IMAGE)
    assert (drawn[20:] == 0).all(axis=2).sum() > 100  # the background of the last line


def test_texts_of_boxes_at_one_place_do_not_hide_each_other():
    names = tuple("abcdef")
    boxes = torch.tensor([[60.0, 50, 140, 150]]).expand(6, 4)
    scores, classes = torch.linspace(0.9, 0.4, 6), torch.arange(6)
    found = Detections(boxes, scores, classes, names, (200, 200))
    drawn = found.plot(np.full((200, 200, 3), 128, np.uint8))
    for colour in object_colours(6):
        share = (drawn == colour).all(axis=2).sum()
        assert share > 150, colour  # its background; the text takes a part of it


def test_objects_without_a_pixel_are_drawn_nowhere():
    found = panoptic()
    found.segment_map[found.segment_map == 1] = 0
    assert found.plot(IMAGE).shape == IMAGE.shape


@pytest.mark.parametrize("name", ["detections", "label_map", "panoptic"])
def test_images_of_other_sizes_are_refused(name):
    with pytest.raises(DataError, match="the image has 60 x 39 pixels, but the result is for 60 x"):
        EVERY[name].plot(IMAGE[:-1])


@pytest.mark.parametrize("name", EVERY)
def test_files(tmp_path, name):
    result = EVERY[name]
    result.save(tmp_path / "new/a.json")
    content = json.loads((tmp_path / "new/a.json").read_text())
    assert content == json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    result.save(str(tmp_path / "a.png"), IMAGE)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), result.plot(IMAGE))
    with pytest.raises(ConfigError, match=r"a\.png needs the image to draw on: save\('a\.png', im"):
        result.save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.xyz cannot be written: unknown file extension"):
        result.save(tmp_path / "a.xyz", IMAGE)


def test_plain_values_of_objects():
    values = detections().to_dict()
    assert values["image_size"] == [40, 60]
    first = values["objects"][0]
    assert (first["class"], first["label"], first["box"]) == ("cat", 0, [5.0, 10.0, 25.0, 20.0])
    assert "mask" not in EVERY["boxes"].to_dict()["objects"][0]


@pytest.mark.parametrize("name", EVERY)
def test_supervision_that_is_not_installed_is_one_line(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtraError, match=r"install 'groupnet-det\[supervision\]'") as error:
        EVERY[name].to_supervision()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", EVERY)
def test_supervision(name):
    pytest.importorskip("supervision")
    result, found = EVERY[name], EVERY[name].to_supervision()
    assert len(found) == len(result)
    if name == "classification":
        assert np.array_equal(found.confidence, result.probabilities.numpy())
        return
    assert found.data["class_name"].tolist() == [each.class_name for each in result]
    if name in ("detections", "boxes"):
        assert np.array_equal(found.xyxy, result.boxes.numpy())
        assert np.array_equal(found.confidence, result.scores.numpy())
    if name != "boxes":
        masks = torch.stack([each.mask for each in result]).numpy()
        assert np.array_equal(found.mask, masks)


def test_without_detectron2_and_matplotlib():
    """All but ``to_detectron2`` works, and that says in one line what is missing."""
    code = """
import sys
sys.modules |= dict.fromkeys(["detectron2", "matplotlib", "pycocotools", "cv2", "supervision"])
from tests.runtime.results.examples import EVERY, IMAGE
from groupnet_det.errors import UserError
for result in EVERY.values():
    result.plot(IMAGE), result.to_json(), repr(result)
try:
    EVERY["boxes"].to_detectron2()
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "INSTALL.md says how to install it" in done.stdout


@pytest.mark.parametrize("make", [detections, label_map, panoptic], ids=lambda make: make.__name__)
def test_members_are_described_without_their_pixels(make):
    member = make()[0]
    assert member.class_name in repr(member)
    assert "tensor" not in repr(member)
