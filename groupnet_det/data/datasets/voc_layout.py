"""Reader of detection data sets in the layout of PASCAL VOC.

The layout has ``JPEGImages/<id>.jpg``, ``Annotations/<id>.xml`` and ``ImageSets/Main/<split>.txt``
with one id per line. Images may have other formats. If an XML file has no size, that of the image
is used.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from detectron2.structures import BoxMode
from torchvision.datasets.folder import IMG_EXTENSIONS

from groupnet_det.data.text_files import read_text, read_xml
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image, upright_size
from groupnet_det.images.folder_files import is_system_name

# Some tools write True.
DIFFICULT = {"": False, "0": False, "false": False, "1": True, "true": True}
SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, kw_only=True)
class VocObject:
    """An object of an annotation file.

    Attributes:
        name: The name of its class.
        box: ``xmin, ymin, xmax, ymax`` as in the file: pixels counted from 1, both ends inclusive.
        difficult: Whether the evaluation ignores the object.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True, kw_only=True)
class VocAnnotation:
    """The content of an annotation file.

    Attributes:
        size: (width, height) of the image in pixels, if the file has it.
        file_name: The file name of the image without its folder, if the file has it.
        objects: The objects in the image.
    """

    size: tuple[int, int] | None
    file_name: str
    objects: tuple[VocObject, ...]


def split_file(root: Path, split: str) -> Path:
    """Return the path of the list of a split; see `read_split`."""
    return root / "ImageSets" / "Main" / f"{split}.txt"  # an absolute path replaces the rest


def read_split(root: Path, split: str) -> list[str]:
    """Read the ids of a split, in the order of the file.

    Args:
        root: The root folder of the layout.
        split: The name of a list in ``ImageSets/Main``, or an absolute path, without ``.txt``.

    Raises:
        DataError: The file is missing or empty.
    """
    path = split_file(root, split)
    if not path.is_file():
        raise DataError(f"{path} does not exist; the VOC layout of {root} needs it")
    ids = [line.split()[0] for line in read_text(path, "list").splitlines() if line.strip()]
    if not ids:
        raise DataError(f"{path} names no image")
    return ids


def read_annotation(path: Path) -> VocAnnotation:
    """Read an annotation file.

    Raises:
        DataError: The file is missing, is not XML, or lacks a required element.
    """
    try:
        tree = read_xml(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; its image is listed in ImageSets/Main") from error
    file_name = (tree.findtext("filename") or "").strip()
    return VocAnnotation(
        size=_read_size(tree, f"{path}"),
        file_name=file_name.replace("\\", "/").rpartition("/")[2],
        objects=tuple(
            _read_object(element, f"{path}: object {number}")
            for number, element in enumerate(tree.iterfind("object"), start=1)
        ),
    )


def _read_size(tree: Element, where: str) -> tuple[int, int] | None:
    """Read the image size; None if a side is missing or 0, which some tools write."""
    texts = [(tree.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(texts):
        return None
    width, height = (int(_number(tree, f"size/{side}", where)) for side in ("width", "height"))
    return (width, height) if min(width, height) > 0 else None


def _read_object(element: Element, where: str) -> VocObject:
    name = element.findtext("name", "").strip()
    if not name:
        raise DataError(f"{where} has no name")
    xmin, ymin, xmax, ymax = (_number(element, f"bndbox/{side}", where) for side in SIDES)
    difficult = (element.findtext("difficult") or "").strip().lower()
    if difficult not in DIFFICULT:
        raise DataError(f"{where} has difficult {difficult[:20]!r}; it must be 0 or 1")
    return VocObject(name=name, box=(xmin, ymin, xmax, ymax), difficult=DIFFICULT[difficult])


def _number(element: Any, key: str, where: str) -> float:
    text = element.findtext(key)
    try:
        number = float(text)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where} has {key} {text!r}, which is not a number")
    return number


def load_voc(root: Path, split: str, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Load a split as Detectron2's records.

    Boxes follow Detectron2's convention: corners counted from 0, the lower right one exclusive, so
    1 is subtracted from ``xmin`` and ``ymin``. Like Detectron2's own loader, which does not name
    the faulty file, this one returns difficult objects too.

    Raises:
        DataError: A file is missing or broken, or the class of an object is not in `class_names`.
    """
    classes = {name.strip(): index for index, name in enumerate(class_names)}
    images = _images_by_stem(root / "JPEGImages")
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
        image = _image_path(root, image_id, annotation.file_name, images)
        width, height = annotation.size or _size_of(image)
        records.append(
            {
                "file_name": str(image),
                "image_id": image_id,
                "height": height,
                "width": width,
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


def _images_by_stem(folder: Path) -> dict[str, list[str]]:
    """Map names without suffix to the names of image files, JPEG files first."""
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMG_EXTENSIONS and not is_system_name(name):
            found.setdefault(stem, []).append(name)
    order = IMG_EXTENSIONS.index
    for names in found.values():
        names.sort(key=lambda name: order(os.path.splitext(name)[1].lower()))
    return found


def _image_path(
    root: Path, image_id: str, file_name: str, images: Mapping[str, Sequence[str]]
) -> Path:
    """Return the path of the image, or where VOC would have it.

    Args:
        file_name: The file name in the annotation, or "". It is used only if several images or
            none are named by the id, because some tools write the names of other files.
        images: The result of `_images_by_stem`.
    """
    named = images.get(image_id, [])
    if not named:
        stem = os.path.splitext(file_name)[0]
        named = [n for n in images.get(stem, []) if n == file_name] or images.get(file_name, [])
    name = file_name if file_name in named else next(iter(named), f"{image_id}.jpg")
    return root / "JPEGImages" / name


def _size_of(image: Path) -> tuple[int, int]:
    if not image.is_file():
        raise DataError(f"image {image} does not exist; its annotation does not state its size")
    with open_image(str(image)) as opened:
        return upright_size(opened)
