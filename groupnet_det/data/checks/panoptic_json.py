"""Checks of a COCO panoptic file before Detectron2 or panopticapi loads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groupnet_det.data.class_names import check_class_names
from groupnet_det.data.text_files import read_json
from groupnet_det.errors import DataError

from .coco_values import check_order_of_ids, is_id, quoted

KEYS: dict[str, tuple[str, ...]] = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "file_name", "segments_info"),
    "categories": ("id", "name"),
}
SEGMENT_KEYS = ("id", "category_id", "iscrowd", "area", "bbox")
MAX_SEGMENT = 256**3  # ids are colours in the PNG files; 0 means no segment


def check_panoptic_file(path: Path) -> None:
    """Refuse a file that the packages that score panoptic quality would misread.

    Raises:
        DataError: The file cannot be used. The message names the faulty entry.
    """
    if not path.is_file():
        raise DataError(f"panoptic file {path} does not exist; check the path")
    content = read_json(path, "panoptic file", "correct that place, or write the file again")
    for key, needed in KEYS.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"{path} has no list {key!r}; a COCO panoptic file needs one")
        for position, item in enumerate(content[key]):
            _check_members(item, needed, f"{path}: {key}[{position}]")
    for key in ("images", "categories"):
        check_order_of_ids(path, key, [item["id"] for item in content[key]])
    check_class_names([f"{item['name']}" for item in content["categories"]], f"{path}")
    categories = {item["id"] for item in content["categories"]}
    for annotation in content["annotations"]:
        where = f"{path}: image {quoted(annotation['image_id'])}"
        if not isinstance(annotation["segments_info"], list):
            raise DataError(f"{where} has segments_info that is not a list")
        for segment in annotation["segments_info"]:
            _check_segment(segment, categories, where)


def _check_members(item: Any, needed: tuple[str, ...], where: str) -> None:
    missing = [key for key in needed if not isinstance(item, dict) or key not in item]
    if missing:
        raise DataError(f"{where} lacks {', '.join(missing)}")
    for key in {"id", "image_id"} & set(needed):
        if not is_id(item[key]):
            raise DataError(f"{where} has {key} {quoted(item[key])}; it must be a text or a number")


def _check_segment(segment: Any, categories: set[Any], where: str) -> None:
    if not isinstance(segment, Mapping):
        raise DataError(f"{where} has the segment {quoted(segment)}; it must be a mapping")
    missing = [key for key in SEGMENT_KEYS if key not in segment]
    if missing:
        raise DataError(f"{where} has a segment without {', '.join(missing)}")
    number, category, crowd = (segment[key] for key in ("id", "category_id", "iscrowd"))
    if type(number) is not int or not 0 < number < MAX_SEGMENT:
        raise DataError(
            f"{where} has a segment of id {quoted(number)}; it must be a whole number from 1 to "
            f"{MAX_SEGMENT - 1}: 0 is the colour of what belongs to none"
        )
    if not is_id(category) or category not in categories:
        raise DataError(
            f"{where} has a segment of category {quoted(category)}, which is not listed"
        )
    if type(crowd) is not int or crowd not in (0, 1):
        raise DataError(f"{where} has a segment with iscrowd {quoted(crowd)}; it must be 0 or 1")
