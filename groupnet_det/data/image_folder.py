"""Classification data sets as one folder of images for each class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate
from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

from groupnet_det.errors import DataError

MAX_LISTED_CLASSES = 40  # of more, a table gives the extremes alone
COLUMN_PAIRS = 4  # of the table of classes


def load_image_folder(root: Path, mend: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the layout ``<root>/<class>/**/<image>``.

    Args:
        root: The folder.
        mend: What to do where it is absent, for the message.

    Returns:
        The class names, sorted; records ``{"file_name", "label"}`` in the order of classes and
        file names.

    Raises:
        DataError: The folder is absent, holds no class folder, or a class holds no image.
    """
    if not root.is_dir():
        raise DataError(f"image folder {root} does not exist; {mend}")
    try:
        class_names, index_of = find_classes(root)
        samples = make_dataset(root, index_of, IMG_EXTENSIONS)
    except FileNotFoundError as error:
        raise DataError(
            f"image folder {root} cannot be used: {error}. It needs one folder for each class, "
            "and images in each; add what is missing, or take the empty folder away"
        ) from error
    return class_names, [{"file_name": name, "label": label} for name, label in samples]


def format_class_counts(class_names: Sequence[str], labels: Sequence[int]) -> str:
    """A table of images per class; of many classes, the least, the median and the most."""
    counts = np.bincount(labels, minlength=len(class_names))
    if len(class_names) > MAX_LISTED_CLASSES:
        row = [len(class_names), counts.min(), float(np.median(counts)), counts.max()]
        return tabulate([row], headers=["classes", "fewest images", "median", "most"])
    cells = [
        cell for name, count in zip(class_names, counts, strict=True) for cell in (name, count)
    ]
    width = 2 * COLUMN_PAIRS
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    headers = ["class", "images"] * min(COLUMN_PAIRS, len(class_names))
    return tabulate(rows, headers=headers, disable_numparse=True)
