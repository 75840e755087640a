import io
import pathlib

import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.runtime.preprocessing.center_crop import Preprocessing

SIZES = [(60, 80), (80, 60), (31, 200), (48, 48), (7, 9), (1, 1), (500, 640)]


def make(resize=48, crop=32, format="RGB"):
    return Preprocessing(resize=resize, crop=crop, format=format)


def noise(height, width, channels=3):
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def save(folder, image, name, **options):
    path = folder / name
    image.save(path, **options)
    return path


def mapped(path, resize, crop, format):
    """What the mapper of evaluation gives, (1, H, W, 3)."""
    from groupnet_det.config import load_config
    from groupnet_det.data.loading.classification_mapper import ClassificationMapper

    prefix = "INPUT.CLASSIFICATION."
    options = {prefix + "TEST_RESIZE": resize, prefix + "TEST_CROP": crop, "INPUT.FORMAT": format}
    cfg = load_config("", [str(word) for pair in options.items() for word in pair])
    image = ClassificationMapper(cfg, is_train=False)({"file_name": str(path)})["image"]
    return image.permute(1, 2, 0)[None]


@pytest.mark.parametrize("format", ["RGB", "BGR"])
@pytest.mark.parametrize(("resize", "crop"), [(48, 32), (33, 33), (20, 1)])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_pixels_are_those_of_evaluation(tmp_path, name, size, resize, crop, format):
    path = save(tmp_path, Image.fromarray(noise(*size)), name)
    expected = mapped(path, resize, crop, format)
    result = make(resize, crop, format)(path)
    assert result.shape == (1, crop, crop, 3)
    assert result.dtype == torch.uint8
    assert result.is_contiguous()
    assert torch.equal(result, expected)
    assert torch.equal(make(resize, crop, format)(str(path)), expected)
    if name.endswith("png"):
        pixels = noise(*size)
        given = [Image.fromarray(pixels), pixels, torch.from_numpy(pixels).permute(2, 0, 1)]
        for image in given:
            assert torch.equal(make(resize, crop, format)(image), expected)


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode):
    image = Image.fromarray(noise(50, 60))
    if mode == "PA":
        image = image.convert("P")
    image = image.convert(mode) if mode != "LAB" else Image.new("LAB", (60, 50), (99, 9, 30))
    expected = make()(np.asarray(image.convert("RGB")))
    assert torch.equal(make()(image), expected)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *(("1", "a.png"), ("L", "a.jpg"), ("P", "a.png"), ("P", "a.gif"), ("RGBA", "a.png")),
        *(("RGBA", "a.webp"), ("CMYK", "a.jpg"), ("LA", "a.png"), ("RGB", "a.tif"), ("L", "a.bmp")),
    ],
)
def test_modes_of_files(tmp_path, mode, name):
    path = save(tmp_path, Image.fromarray(noise(50, 60)).convert(mode), name)
    assert torch.equal(make()(path), mapped(path, 48, 32, "RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, Image.fromarray(noise(50, 60)), "a.png", exif=exif)
    expected = mapped(path, 48, 32, "RGB")
    assert torch.equal(make()(path), expected)
    with Image.open(path) as image:
        assert torch.equal(make()(image), expected)
        assert image.size == (60, 50)  # as it was


DEEP = {
    "I;16": np.linspace(0, 65535, 3000).astype(np.uint16),
    "I": np.linspace(0, 65535, 3000).astype(np.int32),
    "F": np.linspace(0, 1, 3000).astype(np.float32),
}


@pytest.mark.parametrize("mode", DEEP)
def test_more_than_8_bits(tmp_path, mode):
    image = Image.fromarray(DEEP[mode].reshape(50, 60))
    assert image.mode == mode
    path = save(tmp_path, image, "a.tif")
    for given in (image, path):
        with pytest.raises(
            DataError, match=f"more than 8 bits per channel .mode {mode}.; convert it"
        ):
            make()(given)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            None,
            "the image is of the type NoneType; expected: a path, a PIL image, or uint8 grey",
        ),
        (3, "the image is of the type int"),
        ([[1, 2]], "the image is of the type list"),
        (b"bytes", "the image is of the type bytes"),
        (np.zeros((9, 9, 3)), r"the array is float64 of shape \(9, 9, 3\); expected"),
        (np.zeros((9,), np.uint8), r"shape \(9,\)"),
        (np.zeros((3, 9, 9), np.uint8), r"shape \(3, 9, 9\)"),
        (np.zeros((9, 9, 5), np.uint8), r"shape \(9, 9, 5\)"),
        (np.zeros((1, 9, 9, 3), np.uint8), r"shape \(1, 9, 9, 3\)"),
        (torch.zeros(3, 9, 9), r"the tensor is torch.float32 of shape \(3, 9, 9\)"),
        (torch.zeros(9, 9, 3, dtype=torch.uint8), r"shape \(9, 9, 3\)"),
        (torch.zeros(9, dtype=torch.uint8), r"shape \(9,\)"),
        (np.zeros((0, 9, 3), np.uint8), "size 9 x 0; it holds no pixel"),
        (torch.zeros(3, 9, 0, dtype=torch.uint8), "size 0 x 9; it holds no pixel"),
        (Image.new("RGB", (0, 5)), "no pixel|cannot be read"),
        (np.zeros((1, 200_000, 3), np.uint8), "200000 x 1 pixels is too narrow"),
        ("absent.png", r"absent.png cannot be read: .*No such file"),
        (pathlib.Path("absent.png"), r"absent.png cannot be read"),
        ("", "cannot be read"),
        ("a\0b", "cannot be read"),
    ],
)
def test_what_is_no_image(image, message):
    with pytest.raises(DataError, match=message):
        make(resize=64)(image)


def cut_jpeg():
    stream = io.BytesIO()
    Image.fromarray(noise(300, 300)).save(stream, "jpeg")
    return stream.getvalue()[:5000]


@pytest.mark.parametrize("content", [b"", b"no image", cut_jpeg()], ids=["empty", "text", "cut"])
def test_broken_files(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg cannot be read"):
        make()(path)
    with pytest.raises(DataError, match="is not a regular file"):
        make()(tmp_path)


def test_decompression_bombs(tmp_path, monkeypatch):
    path = save(tmp_path, Image.fromarray(noise(50, 60)), "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"a\.png cannot be read: .*decompression bomb"):
        make()(path)


def test_arguments_stay_as_they_are():
    pixels = noise(50, 60)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    before = pixels.copy()
    make()(pixels).zero_()
    make()(tensor).zero_()
    assert np.array_equal(pixels, before)
    read_only = pixels.copy()
    read_only.flags.writeable = False
    assert torch.equal(make()(read_only), make()(pixels[::1]))
    assert torch.equal(make()(pixels[:, ::-1]), make()(np.ascontiguousarray(pixels[:, ::-1])))


GOOD = {"kind": "classification", "resize": 48, "crop": 32, "format": "BGR"}


def test_from_info():
    assert Preprocessing.from_info({"preprocessing": GOOD}) == make(format="BGR")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (None, "info.preprocessing does not have the members"),
        ([], "does not have the members"),
        ({"resize": 48}, r"\['crop', 'format', 'kind', 'resize'\]"),
        ({**GOOD, "mean": 0}, "does not have the members"),
        ({**GOOD, "kind": "detection"}, "kind is 'detection'; valid: 'classification'"),
        ({**GOOD, "resize": "48"}, "resize is not a whole number"),
        ({**GOOD, "crop": True}, "crop is not a whole number"),
        ({**GOOD, "crop": 49}, "crop 49 and resize 48; valid: 1 <= crop <= resize <= 16384"),
        ({**GOOD, "crop": 0}, "crop 0"),
        ({**GOOD, "resize": 10**9}, "resize 1000000000"),
        ({**GOOD, "format": "L"}, r"format is 'L'; valid: \['RGB', 'BGR'\]"),
        ({**GOOD, "format": ["RGB"]}, "format is"),
    ],
)
def test_bad_info(members, message):
    with pytest.raises(PackedFileError, match=message):
        Preprocessing.from_info({} if members is None else {"preprocessing": members})
