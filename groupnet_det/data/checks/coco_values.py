"""Normalizes members of COCO files that are often missing or written as strings.

Detectron2 and pycocotools treat every ``iscrowd`` but 0 as a crowd, even the string "0", and fail
if an ``area`` is missing. pycocotools treats the id 0 as "no match".
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as mask_util

from groupnet_det.errors import DataError

from .compressed_masks import run_length_problem

ID_LIMIT = 2**63  # NumPy, in pycocotools, rounds larger ids or changes their order
FLAGS = {0: 0, 1: 1, "0": 0, "1": 1, None: 0}
MAX_QUOTED = 60  # characters of an invalid value in a message


def is_finite_number(value: Any) -> bool:
    """Return whether it is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def is_id(value: Any) -> bool:
    """Return whether it can be an id: a string or a whole number."""
    return isinstance(value, str) or (is_finite_number(value) and value == int(value))


def check_order_of_ids(path: Path, what: str, ids: list[Any]) -> None:
    """Check that ids of images or categories can be sorted; their order numbers the classes.

    Args:
        path: The file, for messages.
        what: What the ids belong to, for messages.

    Raises:
        DataError: Strings and numbers are mixed, or an id is too large.
    """
    large = [one for one in ids if not isinstance(one, str) and not -ID_LIMIT <= one < ID_LIMIT]
    if large:
        raise DataError(f"{path}: an id of {what} is {quoted(large[0])}; ids must be below 2^63")
    texts = [one for one in ids if isinstance(one, str)]
    if texts and len(texts) < len(ids):
        number = next(one for one in ids if not isinstance(one, str))
        raise DataError(
            f"{path}: ids of {what} are partly texts, such as {quoted(texts[0])}, and partly "
            f"numbers, such as {number}; make all of them numbers, or all texts"
        )


def normalize_annotations(path: Path, content: dict[str, Any]) -> bool:
    """Give every annotation a numeric ``area`` and an ``iscrowd`` of 0 or 1.

    Args:
        path: The file, for messages.
        content: Its content, whose boxes, masks and ids have been checked. It is modified.

    Returns:
        Whether anything was modified.

    Raises:
        DataError: A value has the wrong type.
    """
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    changed = False
    for annotation in content["annotations"]:
        size = sizes[annotation["image_id"]]
        plain = {
            "iscrowd": _flag(path, annotation, "iscrowd"),
            "area": _area(path, annotation, size),
        }
        if "ignore" in annotation:
            plain["ignore"] = _flag(path, annotation, "ignore")
        for key, value in plain.items():
            if annotation.get(key) is not value:
                changed |= type(annotation.get(key)) is not type(value) or annotation[key] != value
                annotation[key] = value
    return changed


def renumber_annotations(content: dict[str, Any]) -> bool:
    """Number annotations from 1 if pycocotools cannot score them with their own ids.

    Returns:
        Whether this was necessary.
    """
    annotations = content["annotations"]
    if all(type(one["id"]) is int and 0 < one["id"] < 2**31 for one in annotations):
        return False
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    return True


def quoted(value: Any) -> str:
    """Shorten a value of a file for a message."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def _flag(path: Path, annotation: dict[str, Any], key: str) -> int:
    value = annotation.get(key)
    if isinstance(value, (str, int, float, type(None))) and value in FLAGS:
        return FLAGS[value]
    raise DataError(
        f"{path}: annotation {annotation['id']} has {key} {quoted(value)}; it must be 0 or 1"
    )


def _area(path: Path, annotation: dict[str, Any], size: tuple[int, int]) -> float:
    value = annotation.get("area")
    if value is None:
        return _measured_area(annotation, size)
    number = _parsed(value) if isinstance(value, str) else value
    if not is_finite_number(number) or number < 0:
        raise DataError(
            f"{path}: annotation {annotation['id']} has area {quoted(value)}; it must be a number "
            "of pixels, or be left out"
        )
    return number


def _parsed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _measured_area(annotation: dict[str, Any], size: tuple[int, int]) -> float:
    """Measure the area of the mask if it is valid, otherwise that of the box."""
    mask = annotation.get("segmentation")
    measure = AREAS.get(type(mask))
    area = measure(mask, size) if measure else 0.0
    return area or float(annotation["bbox"][2] * annotation["bbox"][3])


def _area_of_polygons(polygons: list[list[float]], size: tuple[int, int]) -> float:
    return float(sum(map(_area_of_polygon, polygons)))


def _area_of_polygon(polygon: list[float]) -> float:
    """Compute the area with the shoelace formula; it is 0 for fewer than three points."""
    if len(polygon) < 6 or len(polygon) % 2:
        return 0.0
    x, y = np.asarray(polygon, dtype=np.float64).reshape(-1, 2).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _area_of_run_lengths(mask: dict[str, Any], size: tuple[int, int]) -> float:
    if run_length_problem(mask, size):
        return 0.0
    counts = mask["counts"]
    return float(sum(counts[1::2]) if isinstance(counts, list) else mask_util.area(mask))


AREAS: dict[type, Callable[[Any, tuple[int, int]], float]] = {
    list: _area_of_polygons,
    dict: _area_of_run_lengths,
}
