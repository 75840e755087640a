"""Images of more than 8 bits, of which Pillow would cut values off."""

import numpy as np
import pytest
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.dataset_checks import check_decoding
from groupnet_det.data.loading.detection_mapper import DetectionMapper
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import read_rgb

RAMP = np.linspace(0, 1, 40 * 50).reshape(40, 50)
DEEP = {
    "I;16": (RAMP * 65535).astype(np.uint16),
    "I": (RAMP * 2**30).astype(np.int32),
    "F": np.where(RAMP < 0.5, np.nan, RAMP).astype(np.float32),
}


@pytest.fixture(params=DEEP)
def deep(request, tmp_path):
    """A file of each mode."""
    path = tmp_path / "deep.tif"
    Image.fromarray(DEEP[request.param]).save(path)
    with Image.open(path) as image:
        assert image.mode == request.param
    return str(path)


def test_the_decoder_refuses_them(deep):
    with pytest.raises(
        DataError, match=r"deep\.tif has more than 8 bits per channel .*convert it to 8"
    ):
        read_rgb(deep)


def test_the_check_of_data_refuses_them(deep):
    message = r"deep\.tif has more than 8 bits .*; replace it or take it out of "
    with pytest.raises(DataError, match=message):
        check_decoding("mine", [{"file_name": deep}], 1)


def test_the_mapper_of_detectors_refuses_them(deep, tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "good.png")
    mapper = DetectionMapper(load_config("", []), is_train=False)
    assert mapper({"file_name": str(tmp_path / "good.png")})["image"].shape[0] == 3
    with pytest.raises(DataError, match=r"deep\.tif has more than 8 bits"):
        mapper({"file_name": deep})


def test_the_check_of_data_refuses_what_pillow_takes_for_an_attack(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.new("RGB", (50, 50)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"large\.png cannot be read: .*; replace it"):
        check_decoding("mine", [{"file_name": str(path)}], 1)
