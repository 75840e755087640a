"""The layouts that are looked for, and the search."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from groupnet_det.errors import DataError

from .class_folders import find_class_folders
from .coco_files import find_coco
from .found_data import FoundData
from .mask_folders import find_masks
from .voc_folder import find_voc
from .yolo_file import find_yolo


class Layout(NamedTuple):
    """What looks for a layout, and the tasks that it may be for."""

    find: Callable[[Path], FoundData | None]
    tasks: tuple[str, ...]


# The first one that is there is taken.
LAYOUTS: Mapping[str, Layout] = {
    "COCO json": Layout(find_coco, ("detect", "instance")),
    "YOLO data.yaml": Layout(find_yolo, ("detect", "instance")),
    "VOC folder": Layout(find_voc, ("detect",)),
    "images and masks": Layout(find_masks, ("segment",)),
    "a folder per class": Layout(find_class_folders, ("classify",)),
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
    for layout in LAYOUTS.values():
        found = layout.find(path) if task in (None, *layout.tasks) else None
        if found and task in (None, *found.tasks):
            return found
        if found:
            raise DataError(
                f"--task {task} does not fit {path}: {found.layout} there is for "
                f"{' or '.join(found.tasks)}; masks would be needed for every object"
            )
    asked = {name for name, layout in LAYOUTS.items() if task in (None, *layout.tasks)}
    raise DataError(
        f"{path} has {'none of these' if len(asked) > 1 else 'not what --task asks for'}: "
        f"{'; '.join(name for name in LAYOUTS if name in asked)}. See datasets/README.md for how "
        "it is laid out"
    )
