"""Classification data sets as one folder of images for each class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

from groupnet_det.data.class_names import check_class_names
from groupnet_det.errors import DataError
from groupnet_det.images.folder_files import is_system_file, tell_skipped, without_system_files

from .mask_folders import read_names

MAX_LISTED_CLASSES = 40  # of more, a table gives the extremes alone
COLUMN_PAIRS = 4  # of the table of classes


def load_image_folder(
    root: Path, fix: str, list_file: Path | None = None
) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the layout ``<root>/<class>/**/<image>``.

    Args:
        root: The folder.
        fix: What to do where it is missing, for the message.
        list_file: Paths of images from `root` on, one a line; None for all images.

    Returns:
        The class names, sorted; records ``{"file_name", "label"}`` in the order of classes and
        file names.

    Raises:
        DataError: The folder or the list is missing, the folder holds no class folder, a class
            holds no image, or the list names a missing image.
    """
    if not root.is_dir():
        raise DataError(f"image folder {root} does not exist; {fix}")
    folders = [path for path in without_system_files(root.iterdir(), root) if path.is_dir()]
    class_names = sorted(folder.name for folder in folders)
    try:
        if not class_names:
            raise FileNotFoundError(f"Couldn't find any class folder in {root}")
        check_class_names(class_names, f"image folder {root}")
        samples = _list_images(root, class_names)
    except FileNotFoundError as error:
        raise DataError(
            f"image folder {root} cannot be used: {error}. It needs one folder for each class, "
            "and images in each; add what is missing, or take the empty folder away"
        ) from error
    if list_file is not None:
        samples = _listed(root, list_file, dict(samples))
    return class_names, [{"file_name": name, "label": label} for name, label in samples]


def _listed(root: Path, list_file: Path, label_of: dict[str, int]) -> list[tuple[str, int]]:
    """The samples that a list names, in its order."""
    names = [str(root / name) for name in read_names(list_file, "check LIST")]
    missing = [name for name in names if name not in label_of]
    if missing:
        raise DataError(
            f"list {list_file} names {missing[0]}, which is not an image of {root}; add it or "
            "take the line out"
        )
    return [(name, label_of[name]) for name in names]


def _list_images(root: Path, class_names: Sequence[str]) -> list[tuple[str, int]]:
    """Files and labels; a warning names system files, once."""
    skipped = []

    def is_image(name: str) -> bool:
        if is_system_file(Path(name), root):
            skipped.append(str(Path(name).relative_to(root)))
            return False
        return name.lower().endswith(IMG_EXTENSIONS)

    index_of = {name: index for index, name in enumerate(class_names)}
    samples = make_dataset(root, index_of, is_valid_file=is_image)
    if skipped:
        tell_skipped(root, tuple(sorted(skipped)))
    return samples


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
