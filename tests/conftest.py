"""Fixtures shared by all tests."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA_VARIABLE = "GROUPNET_DET_TEST_DATA"
LOGGERS = ("groupnet_det", "detectron2", "fvcore")  # as Detectron2's `setup_logger` calls them


def pytest_configure() -> None:
    # A thread for each of several processes of tests.
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _fresh_loggers() -> None:
    """Loggers that a training of an earlier test has set up would keep lines from `caplog`, let
    others through, and write to streams that are closed."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    if module := sys.modules.get("detectron2.utils.logger"):
        module.setup_logger.cache_clear()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of reference values and real data sets; tests that need it skip without it."""
    value = os.environ.get(TEST_DATA_VARIABLE)
    if not value or not Path(value).is_dir():
        pytest.skip(f"${TEST_DATA_VARIABLE} does not name a folder with data/ and reference/")
    return Path(value)


@pytest.fixture(scope="session")
def tiny_photo_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``$DETECTRON2_DATASETS`` with a photo-digits of a few images."""
    from groupnet_det.data.datasets.photo_digits import PhotoDigitsOptions, prepare_photo_digits

    datasets = tmp_path_factory.mktemp("datasets")
    options = PhotoDigitsOptions(num_train=12, num_val=4)
    prepare_photo_digits(datasets / "photo_digits", options)
    return datasets


@pytest.fixture(scope="session")
def tiny_datasets(tiny_photo_digits: Path) -> Path:
    """The same, with an MNIST-5k of a few images of noise."""
    two_of_each = {str(digit): 2 for digit in range(10)}
    for split in ("train", "val"):
        write_noise_images(tiny_photo_digits / "mnist5k" / split, two_of_each, shape=(28, 28))
    return tiny_photo_digits


@pytest.fixture(scope="session")
def tiny_packed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a narrow classifier of MNIST-5k and its packed file; for reading."""
    from tests.exporting.tiny_classifier import write_tiny_classifier

    return write_tiny_classifier(root, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_panoptic(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a narrow Panoptic FPN of photo-digits and its packed file; for reading."""
    from tests.exporting.tiny_panoptic import write_tiny_panoptic

    return write_tiny_panoptic(root, tmp_path_factory.mktemp("panoptic"))


@pytest.fixture
def datasets_env(tiny_datasets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny data sets, made those that this process and its children use."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
    return tiny_datasets


def write_noise_images(
    root: Path, images_per_class: dict[str, int], shape: tuple[int, ...]
) -> None:
    """Write an image folder of JPEG images."""
    rng = np.random.default_rng(0)
    for class_name, number in images_per_class.items():
        folder = root / class_name
        folder.mkdir(parents=True)
        for index in range(number):
            pixels = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.jpg")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for the Hugging Face hub, `hub_server.Hub`, with a user who is logged in."""
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    from tests.hub_server import serve, visit

    with serve() as server, visit(server, tmp_path / "cache", monkeypatch):
        yield server


@pytest.fixture
def image_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make an image folder: ``image_folder("train", cat=2, dog=1)``, of 40 x 30 JPEG images."""

    def make(name: str, **images_per_class: int) -> Path:
        write_noise_images(tmp_path / name, images_per_class, shape=(30, 40, 3))
        return tmp_path / name

    return make


@pytest.fixture
def mask_folders(tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Make images ``a`` to ``f`` of 40 x 30 pixels with masks of three classes and some ignored
    pixels; gives the entry of ``DATASETS.CUSTOM`` for them."""

    def make(name: str = "mine", stems: str = "abcdef") -> dict[str, object]:
        rng = np.random.default_rng(0)
        images, masks = tmp_path / name / "images", tmp_path / name / "masks"
        for folder in (images, masks):
            folder.mkdir(parents=True)
        for stem in stems:
            pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / f"{stem}.jpg")
            labels = rng.choice(np.array([0, 1, 2, 255], dtype=np.uint8), (30, 40))
            Image.fromarray(labels).save(masks / f"{stem}.png")
        return {
            "NAME": name,
            "FORMAT": "masks",
            "IMAGES": str(images),
            "MASKS": str(masks),
            "CLASSES": ["background", "cat", "dog"],
        }

    return make
