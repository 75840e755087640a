"""The models that come with the package do what their cards say."""

import json

import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.files.paths import config_names
from groupnet_det.pretrained import CARDS, FOLDER, list_pretrained, pretrained
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor

needs_engine = pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
DETECTOR = "retinanet_groupnet_photo_digits"
SEGMENTER = "semseg_groupnet_photo_digits"
CLASSIFIER = "classifier_groupnet_mnist5k"
OF_OBJECTS = {"detection", "instance segmentation"}
BINARY_FILES = {".gnp", ".png"}


def test_there_is_a_detector_and_a_classifier():
    assert {DETECTOR, CLASSIFIER} <= set(list_pretrained())
    assert pretrained(DETECTOR).task == "detection"


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=DETECTOR):
        pretrained("yolo")


def test_no_file_without_a_card_and_no_card_without_a_file():
    cards = json.loads((FOLDER / CARDS).read_text())
    named = {card[key] for card in cards for key in ("file", "image")}
    assert named == {path.name for path in FOLDER.iterdir() if path.suffix in BINARY_FILES}
    for card in cards:
        assert (FOLDER / card["file"]).stat().st_size == card["bytes"] < 1_000_000


@pytest.mark.parametrize("name", list_pretrained())
def test_its_config_is_one_of_the_project(name):
    assert f"quick/{name}" in config_names()


# What a person sees in the two images.
DIGITS_IN_PHOTO = {"4", "6", "8", "1", "9"}
DIGIT = "3"


@needs_engine
def test_the_classifier_reads_its_digit():
    model = pretrained(CLASSIFIER)
    assert PackedPredictor(model.path)(model.image).class_name == DIGIT


@needs_engine
@pytest.mark.parametrize(
    "name", [name for name in list_pretrained() if pretrained(name).task in OF_OBJECTS]
)
def test_detectors_find_most_digits_of_their_image(name):
    model = pretrained(name)
    found = PackedPredictor(model.path)(model.image).above(0.3)
    assert len(DIGITS_IN_PHOTO & set(found.names)) >= 3
    assert set(found.names) <= {str(digit) for digit in range(10)}


@needs_engine
def test_the_segmenter_sees_most_digits_of_its_image():
    model = pretrained(SEGMENTER)
    shares = PackedPredictor(model.path)(model.image).shares()
    assert len(DIGITS_IN_PHOTO & {name for name, share in shares.items() if share > 0.005}) >= 3
    assert max(shares, key=shares.get) == "background"
