"""An EXIF orientation turns images of every format, once, in training and inference alike."""

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.checks.image_sizes import check_announced_size
from groupnet_det.data.checks.label_masks import check_mask_file
from groupnet_det.data.loading.detection_mapper import DetectionMapper
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image, read_rgb, upright_size
from groupnet_det.images.reading import read_image

ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8]
# As EXIF defines them: from the pixels of the file to the upright image.
UPRIGHT = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(params=["tif", "png", "webp"])
def turned(request, tmp_path):
    """Writes an image with an orientation, without loss; gives the file and the upright pixels."""

    def write(orientation):
        image = Image.fromarray(PIXELS)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"a.{request.param}"
        image.save(path, exif=exif, **({"lossless": True} if request.param == "webp" else {}))
        return path, UPRIGHT[orientation](PIXELS)

    return write


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_training_and_inference_see_the_same(turned, orientation):
    path, upright = turned(orientation)
    assert (read_rgb(str(path)) == upright).all()
    assert (read_image(str(path), least_side=2**20) == upright).all()
    cfg = load_config("", ["INPUT.MIN_SIZE_TEST", "0", "INPUT.FORMAT", "RGB"])
    for is_train in (False, True):
        mapper = DetectionMapper(cfg, is_train=is_train)
        mapper.augmentations.augs = []
        seen = mapper({"file_name": str(path), "annotations": []})["image"]
        assert torch.equal(seen, torch.from_numpy(upright.transpose(2, 0, 1).copy()))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_sizes_are_those_of_the_upright_image(turned, tmp_path, orientation):
    path, upright = turned(orientation)
    height, width = upright.shape[:2]
    with open_image(str(path)) as image:
        assert upright_size(image) == (width, height)
        image.load()
    record = {"file_name": str(path), "image_id": 1, "width": width, "height": height}
    check_announced_size("turned", record, (width, height))
    with pytest.raises(DataError, match="with width and height swapped"):
        check_announced_size(
            "turned", {**record, "width": height, "height": width}, (width, height)
        )
    Image.fromarray(upright[:, :, 0].copy()).save(tmp_path / "mask.png")
    check_mask_file(str(path), str(tmp_path / "mask.png"))
