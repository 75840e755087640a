"""Example pictures."""

import pytest
from PIL import Image

from groupnet_det.data.datasets.photo_digits_sources import PHOTOS
from groupnet_det.web.example_images import ATTRIBUTION, WHOLE_PHOTOS, write_examples


def test_they_are_images_and_always_the_same(tmp_path):
    pytest.importorskip("skimage")
    pytest.importorskip("mlxtend")
    first, second = (write_examples(tmp_path / name) for name in "ab")
    assert [a.name for a in first] == [b.name for b in second]
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]
    assert len({a.read_bytes() for a in first}) == len(first)
    for path in first:
        with Image.open(path) as image:
            assert image.mode == ("L" if path.stem.startswith("digit-") else "RGB")
    assert {path.stem for path in first} >= set(WHOLE_PHOTOS)


def test_everything_has_its_attribution():
    for name in [*PHOTOS, "MNIST"]:
        assert name in ATTRIBUTION
