"""Detection data sets in the layout of PASCAL VOC.

``JPEGImages/<id>.jpg``, ``Annotations/<id>.xml`` and ``ImageSets/Main/<split>.txt``, an id a line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from detectron2.structures import BoxMode

from groupnet_det.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".JPG", ".png")
SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, kw_only=True)
class VocObject:
    """
    Attributes:
        name: Of its class.
        box: ``xmin, ymin, xmax, ymax`` as the file has them: pixels counted from 1, all inside.
        difficult: Whether the evaluation leaves it out.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True, kw_only=True)
class VocAnnotation:
    """
    Attributes:
        width, height: Of the image in pixels.
        objects: Those in it.
    """

    width: int
    height: int
    objects: tuple[VocObject, ...]


def read_split(root: Path, split: str) -> list[str]:
    """The ids of a split, in the file's order.

    Raises:
        DataError: The file is absent or empty.
    """
    path = root / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        raise DataError(f"{path} does not exist; the VOC layout of {root} needs it")
    ids = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    if not ids:
        raise DataError(f"{path} names no image")
    return ids


def read_annotation(path: Path) -> VocAnnotation:
    """
    Raises:
        DataError: The file is absent, no XML, or lacks what it should have.
    """
    try:
        tree = ElementTree.parse(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; its image is listed in ImageSets/Main") from error
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is no XML: {error}") from error
    return VocAnnotation(
        width=int(_number(tree, "size/width", f"{path}")),
        height=int(_number(tree, "size/height", f"{path}")),
        objects=tuple(
            _read_object(element, f"{path}: object {number}")
            for number, element in enumerate(tree.iterfind("object"), start=1)
        ),
    )


def _read_object(element: ElementTree.Element, where: str) -> VocObject:
    name = element.findtext("name", "").strip()
    if not name:
        raise DataError(f"{where} has no name")
    xmin, ymin, xmax, ymax = (_number(element, f"bndbox/{side}", where) for side in SIDES)
    difficult = element.findtext("difficult", "0").strip() == "1"
    return VocObject(name=name, box=(xmin, ymin, xmax, ymax), difficult=difficult)


def _number(element: Any, key: str, where: str) -> float:
    text = element.findtext(key)
    try:
        number = float(text)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where} has {key} {text!r}, which is no number")
    return number


def load_voc(root: Path, split: str, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Records as Detectron2 wants them, with its convention for boxes: 0-based corners of which the
    lower right one is outside, so ``xmin`` and ``ymin`` less 1.

    Difficult objects are among them, as Detectron2 has it. Detectron2's own loader does not say
    which file is wrong.

    Raises:
        DataError: A file is absent or broken, or an object is of no class of `class_names`.
    """
    classes = {name: index for index, name in enumerate(class_names)}
    records = []
    for image_id in read_split(root, split):
        path = root / "Annotations" / f"{image_id}.xml"
        annotation = read_annotation(path)
        for number, item in enumerate(annotation.objects, start=1):
            if item.name not in classes:
                raise DataError(
                    f"{path}: object {number} is of class {item.name!r}; its classes must be among "
                    f"CLASSES {list(class_names)}"
                )
        records.append(
            {
                "file_name": str(_image_path(root, image_id)),
                "image_id": image_id,
                "height": annotation.height,
                "width": annotation.width,
                "annotations": [
                    {
                        "category_id": classes[item.name],
                        "bbox": [item.box[0] - 1, item.box[1] - 1, item.box[2], item.box[3]],
                        "bbox_mode": BoxMode.XYXY_ABS,
                    }
                    for item in annotation.objects
                ],
            }
        )
    return records


def _image_path(root: Path, image_id: str) -> Path:
    """The image, or where VOC would have it."""
    candidates = [root / "JPEGImages" / f"{image_id}{suffix}" for suffix in SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])
