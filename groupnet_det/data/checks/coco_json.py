"""Checks of a COCO instances file before Detectron2 or pycocotools loads it."""

import codecs
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from groupnet_det.data.class_names import check_class_names
from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError

from .coco_values import check_order_of_ids, is_finite_number, is_id, normalize_annotations, quoted

logger = logging.getLogger(__name__)

KEYS = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}
LEAST_POLYGON = 6  # values of three points


class CocoFile(NamedTuple):
    """A COCO instances file that has been read.

    Attributes:
        content: The content of the file, with ``area`` and ``iscrowd`` of `normalize_annotations`.
        is_plain: Whether other readers find the same content in the file.
    """

    content: dict[str, Any]
    is_plain: bool


def check_coco_file(
    path: Path, prepare_with: str | None = None, *, scores_masks: bool = False
) -> None:
    """Check a file completely, including what only Detectron2's loader fails on or changes.

    Args:
        path, prepare_with: See `open_coco_file`.
        scores_masks: Whether masks are evaluated against the file.

    Raises:
        DataError: See `open_coco_file`; or a polygon is invalid.
    """
    content = read_coco_file(path, prepare_with)
    check_polygons(path, content, scored=scores_masks)
    for annotation in content["annotations"]:
        if annotation.get("ignore"):
            raise DataError(
                f"{path}: annotation {annotation['id']} has 'ignore', which Detectron2 does not "
                "know; set iscrowd 1 instead, or remove it"
            )
    number = len(content["categories"])
    if {category["id"] for category in content["categories"]} != set(range(1, number + 1)):
        logger.warning(
            f"{path}: category ids are not 1 ... {number}; they are mapped to classes 0, 1, ... in "
            "the order of their ids, and back in results"
        )


def read_coco_file(path: Path, prepare_with: str | None = None) -> dict[str, Any]:
    """Return only the content; see `open_coco_file`."""
    return open_coco_file(path, prepare_with).content


def open_coco_file(path: Path, prepare_with: str | None = None) -> CocoFile:
    """Read a COCO instances file and check that it is complete and its ids are consistent.

    Args:
        path: The file.
        prepare_with: The command that makes the file, if there is one.

    Raises:
        DataError: The file cannot be used. The message names the faulty entry by its id.
    """
    if not path.is_file():
        fix = f"make it with: {prepare_with}" if prepare_with else "check the path"
        raise DataError(f"annotation file {path} does not exist; {fix}")
    content = read_json(path, "annotation file", "correct that place, or write the file again")
    for key in KEYS:
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"{path} has no list {key!r}; a COCO instances file needs one")
    _check_keys(path, content)
    _check_ids(path, content)
    for annotation in content["annotations"]:
        for problem in _annotation_problems(annotation):
            raise DataError(f"{path}: annotation {annotation['id']} {problem}")
    changed = normalize_annotations(path, content)
    return CocoFile(content, not changed and not _has_mark(path))


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def check_polygons(path: Path, content: dict[str, Any], *, scored: bool) -> None:
    """Check that polygons have at least three points, each with an x and a y.

    Detectron2's loader drops other polygons, and objects without a valid one. pycocotools fails.

    Args:
        path: The file, for messages.
        content: The content that `read_coco_file` returns.
        scored: Whether pycocotools evaluates masks. If not, an invalid polygon is only a warning.

    Raises:
        DataError: A polygon is invalid, and pycocotools evaluates masks.
    """
    bad = [
        (annotation["id"], len(polygon))
        for annotation in content["annotations"]
        if isinstance(annotation.get("segmentation"), list)
        for polygon in annotation["segmentation"]
        if len(polygon) < LEAST_POLYGON or len(polygon) % 2
    ]
    if not bad:
        return
    number, length = bad[0]
    problem = (
        f"annotation {number} has a polygon of {length} numbers; it needs at least {LEAST_POLYGON},"
        " an x and a y for each point"
    )
    if scored:
        raise DataError(f"{path}: {problem}; fix or remove it, or masks cannot be evaluated")
    logger.warning(
        f"{path}: training leaves out {len(bad)} polygons, and objects that have no other; the "
        f"first: {problem}"
    )


def is_box(value: Any) -> bool:
    """Return whether it is a list of x, y, width, height."""
    return isinstance(value, list) and len(value) == 4 and all(map(is_finite_number, value))


def _is_text(value: Any) -> bool:
    """Return whether it is a string."""
    return isinstance(value, str)


def _is_length(value: Any) -> bool:
    """Return whether it is a whole number of pixels, at least 1."""
    return is_finite_number(value) and value >= 1 and value == int(value)


# A test of each member's value, and what the value must be.
VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("id", "image_id", "category_id"), (is_id, "a text or a whole number")),
    **dict.fromkeys(("file_name", "name"), (_is_text, "a text")),
    **dict.fromkeys(("width", "height"), (_is_length, "a whole number of pixels, without quotes")),
}


def _check_keys(path: Path, content: dict[str, Any]) -> None:
    for key, needed in KEYS.items():
        for position, item in enumerate(content[key]):
            missing = [k for k in needed if not isinstance(item, dict) or k not in item]
            if missing:
                raise DataError(f"{path}: {key}[{position}] lacks {', '.join(missing)}")
            for name in filter(VALUES.__contains__, needed):
                fits, kind = VALUES[name]
                if not fits(item[name]):
                    raise DataError(
                        f"{path}: {key}[{position}] has {name} {quoted(item[name])}; it must be "
                        f"{kind}"
                    )


def _check_ids(path: Path, content: dict[str, Any]) -> None:
    ids = {key: [item["id"] for item in content[key]] for key in KEYS}
    for key, values in ids.items():
        if len(set(values)) != len(values):
            raise DataError(f"{path}: two {key} share an id; make the ids unique")
        if key != "annotations":
            check_order_of_ids(path, key, values)
    check_class_names([category["name"] for category in content["categories"]], f"{path}")
    known_images, known_categories = set(ids["images"]), set(ids["categories"])
    for annotation in content["annotations"]:
        if annotation["image_id"] not in known_images:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} names image "
                f"{quoted(annotation['image_id'])}, which is not among the images; "
                "remove it or add the image"
            )
        if annotation["category_id"] not in known_categories:
            raise DataError(
                f"{path}: annotation {annotation.get('id')} names category "
                f"{quoted(annotation['category_id'])}; the categories have ids "
                f"{sorted(known_categories, key=str)}: fix it, or add the category"
            )


def _annotation_problems(annotation: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the box and the mask of an annotation."""
    box, mask = annotation["bbox"], annotation.get("segmentation")
    if not is_box(box):
        yield f"has bbox {box!r}; it must be a list of x, y, width, height"
    elif min(box[2:]) < 0:
        yield f"has bbox {box!r} (x, y, width, height) of negative size; fix or remove it"
    if isinstance(mask, dict):
        size, counts = mask.get("size"), mask.get("counts")
        if not (isinstance(size, list) and len(size) == 2 and all(map(is_finite_number, size))):
            yield f"has a run-length encoding of size {size!r}; it must be [height, width]"
        if not isinstance(counts, (str, list)):
            yield "has a run-length encoding without counts"
        if isinstance(counts, list) and not all(isinstance(c, int) and c >= 0 for c in counts):
            yield "has a run-length encoding whose counts are not whole numbers from 0"
    elif not isinstance(mask, (list, type(None))):
        yield f"has a segmentation that is neither polygons nor a run-length encoding: {mask!r}"
    elif not all(isinstance(p, list) and all(map(is_finite_number, p)) for p in mask or ()):
        yield "has polygons that are not lists of numbers x, y, x, y, ..."
