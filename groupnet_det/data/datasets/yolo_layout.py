"""Reader of detection data sets in the layout of YOLO, which Ultralytics' and other tools write.

``data.yaml`` names the classes and, for each split, a folder of images, a text file of paths, or a
list of these. The labels of ``…/images/a.jpg`` are in ``…/labels/a.txt``, or next to the image if
no folder is called ``images``. A line contains a class and the centre, width and height of a box,
or a class and a polygon ``x y x y …``, all as fractions of the image's width and height
(https://docs.ultralytics.com/datasets/detect and https://docs.ultralytics.com/datasets/segment).
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from detectron2.structures import BoxMode
from torchvision.datasets.folder import IMG_EXTENSIONS

from groupnet_det.data.class_names import check_class_names
from groupnet_det.data.text_files import read_text
from groupnet_det.errors import DataError, shortened
from groupnet_det.images.decoding import open_image, upright_size
from groupnet_det.images.folder_files import without_system_files

logger = logging.getLogger(__name__)

YOLO_SPLITS = ("train", "val", "test")
OTHER_NAMES = {"val": ("validation", "valid")}  # other names that exporters give a split
IMAGES, LABELS = "images", "labels"  # folders
BOX_FIELDS, LEAST_POLYGON = 5, 7  # values in a line, including the class
MOST = 1.01  # greatest fraction; tools round


@dataclass(frozen=True, kw_only=True)
class YoloData:
    """The content of a ``data.yaml``.

    Attributes:
        path: The file.
        root: The folder to which other paths are relative.
        class_names: The names of classes 0, 1, ...
        splits: The sources of each split, as written in the file.
    """

    path: Path
    root: Path
    class_names: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]


def read_yolo(path: Path) -> YoloData:
    """Read a ``data.yaml``.

    Raises:
        DataError: The file is missing, is not YAML, or has no class names or no split.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; a YOLO data set needs this list of its classes")
    text = read_text(path, "data set file")
    try:
        content = yaml.safe_load(text)
        written = yaml.load(text, yaml.BaseLoader)  # texts: "no" and "02", which YAML would turn
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or "names" not in content:
        raise DataError(f"{path} lacks the key names, the classes as a list or by number")
    if "kpt_shape" in content:
        raise DataError(f"{path} is of keypoints (kpt_shape), which cannot be learned; take boxes")
    splits = {
        split: entries for split in YOLO_SPLITS if (entries := _entries(path, content, split))
    }
    if not splits:
        raise DataError(f"{path} names no images; it needs the key train: a folder or a list")
    class_names = _class_names(path, written.get("names"))
    _check_number(path, content, class_names)
    return YoloData(
        path=path,
        root=_root(path, content),
        class_names=class_names,
        splits=splits,
    )


def _entries(path: Path, content: Mapping[str, Any], split: str) -> tuple[str, ...]:
    keys = [key for key in (split, *OTHER_NAMES.get(split, ())) if content.get(key)]
    if not keys:
        return ()
    value = content[keys[0]]
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) and entry for entry in entries):
        raise DataError(
            f"{path}: {keys[0]} is {shortened(value)}; it must be a folder, a .txt file, or a list "
            "of such"
        )
    return tuple(entries)


def _root(path: Path, content: Mapping[str, Any]) -> Path:
    stated = content.get("path")
    root = path.parent / str(stated or "")
    if not root.is_dir():
        raise DataError(
            f"{path}: path is {shortened(stated)}, but there is no folder {root}; correct it, or "
            "take the line out where the data lie beside this file"
        )
    return root


def _class_names(path: Path, names: Any) -> tuple[str, ...]:
    """
    Args:
        path: The file, for messages.
        names: As written, without YAML's types.
    """
    if isinstance(names, dict):
        if sorted(names) != sorted(map(str, range(len(names)))):
            raise DataError(
                f"{path}: names has the keys {shortened(list(names))}; they must be the numbers 0 "
                f"to {len(names) - 1}"
            )
        names = [names[str(index)] for index in range(len(names))]
    if not isinstance(names, list) or not names or {*map(type, names)} != {str}:
        raise DataError(
            f"{path}: names is {shortened(names)}; it must be a list of class names, or a mapping "
            "from 0, 1, ... to them"
        )
    check_class_names(names, f"{path}")
    return tuple(names)


def _check_number(path: Path, content: Mapping[str, Any], class_names: Sequence[str]) -> None:
    count = content.get("nc", len(class_names))
    if count != len(class_names):
        raise DataError(
            f"{path}: nc is {shortened(count)}, but names has {len(class_names)} classes; correct "
            "one of the two"
        )


def images_of(data: YoloData, split: str) -> list[Path]:
    """Return the images of a split: those of a folder sorted, those of a list in its order.

    Raises:
        DataError: The split is missing or has no image.
    """
    if split not in data.splits:
        raise DataError(f"{data.path} has no split {split!r}; it has {', '.join(data.splits)}")
    found = [image for entry in data.splits[split] for image in _images_of_entry(data, entry)]
    if not found:
        names = ", ".join(data.splits[split])
        raise DataError(f"{data.path}: {split} names {names}, which holds no image")
    return found


def _images_of_entry(data: YoloData, entry: str) -> list[Path]:
    path = _placed(data, entry)
    if path.is_dir():
        files = without_system_files(path.rglob("*"), path)
        return sorted(each for each in files if each.suffix.lower() in IMG_EXTENSIONS)
    if path.suffix == ".txt" and path.is_file():
        return [_listed(data, path, line) for line in _lines(path, "list of images")]
    raise DataError(f"{data.path} names {entry}, but {path} is neither a folder nor a .txt file")


def _placed(data: YoloData, entry: str) -> Path:
    """Resolve a path of ``data.yaml``. Roboflow writes ``../train/images`` for ``train/images``."""
    path = data.root / entry
    if not path.exists() and entry.startswith("../"):
        inside = data.root / entry.removeprefix("../")
        return inside if inside.exists() else path
    return path


def _listed(data: YoloData, list_file: Path, line: str) -> Path:
    """Find an image of a list, relative to the folder of the list or to the root."""
    paths = [folder / line for folder in (list_file.parent, data.root)]
    for path in paths:
        if path.is_file():
            return path
    raise DataError(
        f"{list_file} names {line!r}, but there is no file {paths[0]}; add the image, or take the "
        "line out"
    )


def label_file(image: Path) -> Path:
    """Return the path of the label file of an image, which may not exist."""
    parts = list(image.parts)
    folders = [index for index, part in enumerate(parts[:-1]) if part == IMAGES]
    if folders:
        parts[folders[-1]] = LABELS
    return Path(*parts).with_suffix(".txt")


def load_yolo(path: Path, split: str) -> list[dict[str, Any]]:
    """Load a split as Detectron2's records. Polygons become masks, with the box around them.

    An image whose label file is empty or missing has no objects; a warning counts missing files.

    Raises:
        DataError: A file is missing or broken, or a label is invalid.
    """
    data = read_yolo(path)
    images = images_of(data, split)
    files = [label_file(image) for image in images]
    missing = [file for file in files if not file.is_file()]
    if len(missing) == len(images):
        raise DataError(
            f"{data.path}: no image of {split} has labels; those of {images[0]} are looked for in "
            f"{files[0]}"
        )
    if missing:
        logger.warning(
            f"{data.path}: {len(missing)} of {len(images)} images of {split} have no file of "
            f"labels and count as images without objects; the first: {missing[0]}"
        )
    return [_record(data, *pair) for pair in zip(images, files, strict=True)]


def _record(data: YoloData, image: Path, labels: Path) -> dict[str, Any]:
    with open_image(str(image)) as opened:
        width, height = upright_size(opened)
    found = _labels(labels, len(data.class_names)) if labels.is_file() else ()
    inside = image.is_relative_to(data.root)
    return {
        "file_name": str(image),
        "image_id": str(image.relative_to(data.root) if inside else image),
        "label_file": str(labels),
        "height": height,
        "width": width,
        "annotations": [_annotation(label, values, width, height) for label, values in found],
    }


def _annotation(label: int, values: list[float], width: int, height: int) -> dict[str, Any]:
    annotation: dict[str, Any] = {"category_id": label, "bbox_mode": BoxMode.XYXY_ABS}
    if len(values) + 1 == BOX_FIELDS:
        x, y, w, h = values
        sides = [(x - w / 2) * width, (y - h / 2) * height]
        return {**annotation, "bbox": [*sides, (x + w / 2) * width, (y + h / 2) * height]}
    xs, ys = [x * width for x in values[::2]], [y * height for y in values[1::2]]
    polygon = [side for point in zip(xs, ys, strict=True) for side in point]
    box = [min(xs), min(ys), max(xs), max(ys)]
    return {**annotation, "bbox": box, "segmentation": [polygon]}


def _labels(path: Path, num_classes: int) -> Iterator[tuple[int, list[float]]]:
    """Yield the class and the other values of each line."""
    for number, line in enumerate(_lines(path, "label file"), start=1):
        where = f"{path}: label {number}"
        try:
            label, *values = map(float, line.split())
        except ValueError:
            raise DataError(f"{where} is {shortened(line)}; it must be numbers") from None
        if len(values) + 1 != BOX_FIELDS and (
            len(values) + 1 < LEAST_POLYGON or len(values) % 2 == 1
        ):
            raise DataError(
                f"{where} has {len(values) + 1} numbers; a box has {BOX_FIELDS} (class, x, y, "
                f"width, height), a polygon a class and x, y of three points or more"
            )
        if label not in range(num_classes):
            raise DataError(
                f"{where} is of class {label:g}; names has the classes 0 to {num_classes - 1}"
            )
        wrong = [value for value in values if not (math.isfinite(value) and 0 <= value <= MOST)]
        if wrong:
            raise DataError(
                f"{where} has {wrong[0]:g}; its numbers must be shares of the image's sides, from "
                "0 to 1: divide pixels by width and height"
            )
        yield int(label), values


def _lines(path: Path, what: str) -> list[str]:
    return [line for line in map(str.strip, read_text(path, what).splitlines()) if line]
