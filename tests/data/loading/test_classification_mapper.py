import numpy as np
import pytest
import torch
from PIL import Image

from groupnet_det.config import load_config
from groupnet_det.data.loading.classification_mapper import (
    ClassificationMapper,
    read_rgb,
    read_rgb_cached,
)
from groupnet_det.errors import ConfigError, DataError

PREFIX = "INPUT.CLASSIFICATION."


def make_mapper(is_train, *options):
    cfg = load_config("", ["INPUT.FORMAT", "RGB", *options])
    return ClassificationMapper(cfg, is_train=is_train)


def sizes(train=32, resize=48, test=32):
    keys = {"TRAIN_CROP": train, "TEST_RESIZE": resize, "TEST_CROP": test}
    return [word for key, value in keys.items() for word in (PREFIX + key, str(value))]


def save(folder, pixels, name="a.png", **options):
    path = str(folder / name)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize("is_train", [True, False], ids=["train", "test"])
def test_what_the_network_is_given(tmp_path, noise, is_train):
    path = save(tmp_path, noise)
    record = {"file_name": path, "label": 3}
    sample = make_mapper(is_train, *sizes())(record)
    assert sample["image"].shape == (3, 32, 32)
    assert sample["image"].dtype == torch.uint8
    assert sample["image"].is_contiguous()
    assert (sample["label"], sample["file_name"]) == (3, path)
    assert record == {"file_name": path, "label": 3}


def test_testing_takes_the_centre(tmp_path, noise):
    # The shorter side has the size that is asked for: nothing is interpolated.
    path = save(tmp_path, noise)
    image = make_mapper(False, *sizes(resize=60, test=40))({"file_name": path})["image"]
    assert np.array_equal(image.permute(1, 2, 0), noise[10:50, 20:60])


def test_training_cuts_parts_within_the_shares_asked_for(tmp_path):
    # Red grows from left to right and green downwards, so a part shows where it was cut.
    pixels = np.zeros((200, 200, 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(200), np.arange(200)[:, None]
    mapper = make_mapper(
        True, *sizes(train=200), PREFIX + "CROP_SCALE", "[0.25, 0.5]", "INPUT.RANDOM_FLIP", "none"
    )
    path = save(tmp_path, pixels)
    shares, aspects = [], []
    for _ in range(40):
        image = mapper({"file_name": path})["image"].int()
        width = image[0].max().item() - image[0].min().item() + 1
        height = image[1].max().item() - image[1].min().item() + 1
        shares.append(width * height / 200**2)
        aspects.append(width / height)
    assert 0.23 < min(shares) < 0.3 and 0.45 < max(shares) < 0.52  # noqa: PT018
    assert 0.7 < min(aspects) < 0.85 and 1.2 < max(aspects) < 1.4  # noqa: PT018


@pytest.mark.parametrize(
    ("flip", "turned"), [("none", {False}), ("horizontal", {False, True})], ids=["none", "both"]
)
def test_flips(tmp_path, flip, turned):
    ramp = np.tile(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], (80, 1, 3))
    mapper = make_mapper(True, *sizes(), "INPUT.RANDOM_FLIP", flip)
    path = save(tmp_path, ramp)
    images = [mapper({"file_name": path})["image"].int() for _ in range(20)]
    assert {bool(image[0, 0, 0] > image[0, 0, -1]) for image in images} == turned


def test_colour_jitter_changes_brightness(tmp_path):
    path = save(tmp_path, np.full((40, 40, 3), 100, dtype=np.uint8))
    for jitter, expected in (("0.0", False), ("0.5", True)):
        mapper = make_mapper(True, *sizes(), PREFIX + "COLOR_JITTER", jitter)
        means = {mapper({"file_name": path})["image"].float().mean().item() for _ in range(5)}
        assert (means != {100}) == expected


def test_channel_order(tmp_path):
    path = save(tmp_path, np.full((40, 40, 3), [10, 20, 30], dtype=np.uint8))
    for order, values in (("RGB", [10, 20, 30]), ("BGR", [30, 20, 10])):
        image = make_mapper(False, *sizes(), "INPUT.FORMAT", order)({"file_name": path})["image"]
        assert image[:, 5, 5].tolist() == values


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("RGBA", "a.png"), ("P", "a.png"), ("1", "a.png"), ("CMYK", "a.jpg")],
    ids=["grey", "alpha", "palette", "bits", "cmyk"],
)
def test_other_modes_become_rgb(tmp_path, mode, name):
    path = str(tmp_path / name)
    Image.new("RGB", (40, 30), "white").convert(mode).save(path)
    pixels = read_rgb(path, 30)
    assert pixels.shape == (30, 40, 3)
    assert pixels.dtype == np.uint8
    assert pixels.min() > 250


def test_exif_orientation_turns_the_image(tmp_path, noise):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    pixels = read_rgb(save(tmp_path, noise, exif=exif), 8)
    assert np.array_equal(pixels, np.rot90(noise, -1))


@pytest.mark.parametrize(
    ("least_side", "factor"), [(50, 8), (60, 8), (61, 4), (240, 2), (241, 1), (999, 1)]
)
def test_large_jpeg_files_are_decoded_small_but_not_too_small(tmp_path, least_side, factor):
    smooth = np.linspace(0, 255, 640)[None, :, None] * np.ones((480, 1, 3))
    path = save(tmp_path, smooth.astype(np.uint8), "a.jpg")
    pixels = read_rgb(path, least_side)
    assert pixels.shape == (480 // factor, 640 // factor, 3)
    assert np.abs(pixels.mean() - smooth.mean()) < 1


def test_least_side_lets_the_least_part_fill_the_crop():
    # 8 % of the area at an aspect of 3:4 has a shorter side of sqrt(0.08 * 3 / 4) = 0.2449.
    assert make_mapper(True).least_side == 915  # 224 / 0.2449 = 914.5
    assert make_mapper(False).least_side == 512


def test_cached_images_are_read_once(tmp_path, noise):
    path = save(tmp_path, noise)
    read_rgb_cached.cache_clear()
    mapper = make_mapper(False, *sizes(), "DATALOADER.CACHE_IMAGES", "True")
    first = mapper({"file_name": path})["image"]
    save(tmp_path, 255 - noise)
    assert torch.equal(mapper({"file_name": path})["image"], first)
    uncached = make_mapper(False, *sizes())({"file_name": path})["image"]
    assert not torch.equal(uncached, first)
    read_rgb_cached.cache_clear()


@pytest.mark.parametrize("content", [b"", b"no image"], ids=["empty", "foreign"])
def test_unreadable_files_are_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg cannot be read"):
        make_mapper(False)({"file_name": str(tmp_path / "a.jpg")})


@pytest.mark.parametrize(
    ("is_train", "key", "value", "message"),
    [
        (True, "TRAIN_CROP", "0", "TRAIN_CROP is 0"),
        (True, "CROP_SCALE", "[0.5, 0.1]", r"CROP_SCALE is \[0.5, 0.1\]; valid: two rising"),
        (True, "CROP_SCALE", "[0.0, 1.0]", "CROP_SCALE"),
        (True, "COLOR_JITTER", "2.0", "COLOR_JITTER is 2.0; valid: 0 to 1"),
        (False, "TEST_CROP", "300", "TEST_CROP is 300; valid: 1 to TEST_RESIZE, which is 256"),
        (True, "RANDOM_FLIP", "sideways", "'sideways'; valid: 'none', 'horizontal', 'vertical'"),
        (False, "FORMAT", "L", "INPUT.FORMAT is 'L'; valid: 'RGB', 'BGR'"),
    ],
)
def test_bad_keys(is_train, key, value, message):
    prefix = "INPUT." if key in ("RANDOM_FLIP", "FORMAT") else PREFIX
    with pytest.raises(ConfigError, match=message):
        make_mapper(is_train, prefix + key, value)
