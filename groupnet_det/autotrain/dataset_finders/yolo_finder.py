"""YOLO's ``data.yaml``, alone or in its folder."""

from pathlib import Path

import yaml

from groupnet_det.data.datasets.yolo_layout import YOLO_SPLITS, load_yolo, read_yolo
from groupnet_det.errors import DataError

from .found_data import TRAIN, FoundData, files_in, folders_below, several, with_validation

SUFFIXES = (".yaml", ".yml")


def find_yolo(path: Path) -> FoundData | None:
    """The file that names classes and splits.

    Raises:
        DataError: There are several, or the one is broken; or there are labels without it.
    """
    if path.is_file():
        file = path if path.suffix.lower() in SUFFIXES else None
    else:
        files = [f for f in files_in(path, SUFFIXES) if _names_classes(f)]
        if len(files) > 1:
            raise several("YOLO's data.yaml", files, "name one of them as --data")
        file = next(iter(files), None)
        if file is None and _has_labels(path):
            raise DataError(
                f"{path} has YOLO's labels, but no data.yaml; write one with the keys names (a "
                "list of the classes) and train (the folder of images)"
            )
    if file is None:
        return None
    data = read_yolo(file)
    entries = {
        split: {"FORMAT": "yolo", "DATA": str(file), "SPLIT": split}
        for split in YOLO_SPLITS
        if split in data.splits
    }
    if TRAIN not in entries:
        raise DataError(f"{file} names no images to train on; it needs the key train")
    splits, notes = with_validation(entries)
    annotations = [a for record in load_yolo(file, TRAIN) for a in record["annotations"]]
    has_masks = bool(annotations) and all("segmentation" in a for a in annotations)
    tasks = ("detect", "instance") if has_masks else ("detect",)
    hint = ("its polygons are learned by --task instance",) if has_masks else ()
    return FoundData(layout="YOLO data.yaml", tasks=tasks, splits=splits, notes=(*notes, *hint))


def _names_classes(file: Path) -> bool:
    try:
        content = yaml.safe_load(file.read_text())
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return False
    return isinstance(content, dict) and "names" in content


def _has_labels(root: Path) -> bool:
    """Whether a text file holds a class and four shares."""
    files = (f for folder in folders_below(root) for f in files_in(folder, [".txt"])[:1])
    for file in files:
        words = file.read_text(errors="replace").split()[:5]
        try:
            if len(words) == 5 and all(0 <= float(word) <= 1 for word in words[1:]):
                return True
        except ValueError:
            continue
    return False
