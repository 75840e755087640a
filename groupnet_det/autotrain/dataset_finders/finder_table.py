"""Finders of all layouts in one table, and the search with them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from groupnet_det.errors import DataError

from .class_folder_finder import find_class_folders
from .coco_finder import find_coco
from .found_data import FoundData
from .mask_finder import find_masks
from .voc_finder import find_voc
from .yolo_finder import find_yolo


class DatasetFinder(NamedTuple):
    """The search for one layout, and the tasks that its data sets may be for."""

    find: Callable[[Path], FoundData | None]
    tasks: tuple[str, ...]


# In the order in which they are tried.
LAYOUTS: Mapping[str, DatasetFinder] = {
    "COCO json": DatasetFinder(find_coco, ("detect", "instance")),
    "YOLO data.yaml": DatasetFinder(find_yolo, ("detect", "instance")),
    "VOC folder": DatasetFinder(find_voc, ("detect",)),
    "images and masks": DatasetFinder(find_masks, ("segment",)),
    "a folder per class": DatasetFinder(find_class_folders, ("classify",)),
}


def find_data(path: Path, task: str | None = None) -> FoundData:
    """The data set at a path, in the first layout of the table that it has.

    Args:
        task: What it must be for; None for whatever it is.

    Raises:
        DataError: There is none, or it is of another task, or broken.
    """
    if not path.exists():
        raise DataError(f"--data {path} does not exist; name a folder, a COCO json or a data.yaml")
    for finder in LAYOUTS.values():
        found = finder.find(path) if task in (None, *finder.tasks) else None
        if found and task in (None, *found.tasks):
            return found
        if found:
            raise DataError(
                f"--task {task} does not fit {path}: {found.layout} there is for "
                f"{' or '.join(found.tasks)}; masks would be needed for every object"
            )
    asked = {name for name, finder in LAYOUTS.items() if task in (None, *finder.tasks)}
    raise DataError(
        f"{path} has {'none of these' if len(asked) > 1 else 'not what --task asks for'}: "
        f"{'; '.join(name for name in LAYOUTS if name in asked)}. See datasets/README.md for how "
        "it is laid out"
    )
