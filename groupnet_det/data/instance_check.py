"""Look at the boxes and masks of a data set for detection, before hours of training."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from detectron2.config import CfgNode
from detectron2.structures import BoxMode

from groupnet_det.errors import ConfigError, DataError

from .catalog import class_names_of, source_of
from .run_lengths import run_length_problem

logger = logging.getLogger(__name__)

BOX_TOLERANCE = 1.0  # pixels; annotation tools round
MIN_SIDE = 1e-5  # pixels: of a smaller box Detectron2 says that it is empty
MAX_NAMED = 12  # classes in a message

Records = list[dict[str, Any]]


def check_instances(cfg: CfgNode, name: str, records: Records) -> None:
    """Boxes, classes and masks of a data set; what is only unusual is a warning.

    Raises:
        DataError: A box or mask cannot be right, or there is none to learn from.
        ConfigError: The masks do not fit the config.
    """
    if not any("annotations" in record for record in records):
        return  # of another task
    check_boxes(name, records)
    check_counts(cfg, name, records)
    check_run_lengths(cfg, name, records)
    if cfg.MODEL.MASK_ON:
        check_mask_kinds(cfg, name, records)


def check_boxes(name: str, records: Records) -> None:
    """Boxes that lie inside their images and have a size.

    Boxes without an area are in well-known data sets; they are told, not refused.

    Raises:
        DataError: A box is of negative size, lies outside, or is not of numbers.
    """
    overhanging: list[str] = []
    empty: list[str] = []
    for record, _, box in _boxes(records):
        width, height = record.get("width", np.inf), record.get("height", np.inf)
        x0, y0, x1, y1 = box
        told = f"{record['file_name']} {_rounded(box)}"
        if not np.isfinite(box).all() or x1 < x0 or y1 < y0:
            raise DataError(
                f"{record['file_name']}: box {_rounded(box)} is of negative size or of no numbers; "
                f"mend it in {source_of(name)}"
            )
        if is_empty(box):
            empty.append(told)
            continue
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise DataError(
                f"{record['file_name']}: box {_rounded(box)} lies outside its image of "
                f"{width}x{height}; mend it in {source_of(name)}"
            )
        low, high = -BOX_TOLERANCE, BOX_TOLERANCE
        if x0 < low or y0 < low or x1 > width + high or y1 > height + high:
            overhanging.append(told)
    if overhanging:
        logger.warning(
            f"data set {name}: {len(overhanging)} boxes reach over the border of their images and "
            f"are clipped; the first: {overhanging[0]}"
        )
    if empty:
        logger.warning(
            f"data set {name}: {len(empty)} boxes have no area; training leaves them out, and "
            f"evaluation counts them as missed. The first: {empty[0]}"
        )


def check_counts(cfg: CfgNode, name: str, records: Records) -> None:
    """Tell of images without boxes and of classes without instances.

    Raises:
        DataError: No image of a training data set has a box with an area.
    """
    used = [(r, a) for r, a, box in _boxes(records) if not is_empty(box) and not a.get("iscrowd")]
    with_boxes = {id(record) for record, _ in used}
    training = name in cfg.DATASETS.TRAIN
    if not used and training:
        raise DataError(
            f"data set {name!r} has no box to learn from in its {len(records)} images; see "
            f"{source_of(name)}"
        )
    bare = len(records) - len(with_boxes)
    if bare:
        left_out = training and cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS
        how = " and are left out (DATALOADER.FILTER_EMPTY_ANNOTATIONS)" if left_out else ""
        logger.warning(
            f"data set {name}: {bare} of {len(records)} images have no box to learn from{how}"
        )
    counts = Counter(annotation["category_id"] for _, annotation in used)
    absent = [label for i, label in enumerate(class_names_of(name) or []) if not counts[i]]
    if absent:
        more = f" and {len(absent) - MAX_NAMED} more" if len(absent) > MAX_NAMED else ""
        effect = "cannot be learnt from it" if training else "have no AP, and the mean is without"
        logger.warning(
            f"data set {name}: no box of {len(absent)} classes, which {effect}: "
            f"{', '.join(absent[:MAX_NAMED])}{more}"
        )


def check_run_lengths(cfg: CfgNode, name: str, records: Records) -> None:
    """Masks in run-length encoding are for their images.

    Raises:
        DataError: One is not, and the model learns masks. Without, it is a warning.
    """
    problems = (
        f"{record['file_name']}: {problem}"
        for record, annotation, box in _boxes(records)
        if (problem := _run_length_problem(record, annotation, box))
    )
    first = next(problems, None)
    if first and cfg.MODEL.MASK_ON:
        raise DataError(f"{first}; mend it in {source_of(name)}")
    if first:
        number = 1 + sum(1 for _ in problems)
        logger.warning(
            f"data set {name}: {number} masks cannot be used, which matters not without "
            f"MODEL.MASK_ON; the first: {first}"
        )


def _run_length_problem(record: Any, annotation: Any, box: Sequence[float]) -> str | None:
    mask = annotation.get("segmentation")
    if not isinstance(mask, dict):
        return None
    size = record.get("height", mask["size"][0]), record.get("width", mask["size"][1])
    problem = run_length_problem(mask, size)
    return problem and f"the mask of the object at {_rounded(box)} {problem}"


def check_mask_kinds(cfg: CfgNode, name: str, records: Records) -> None:
    """Every object has a mask, of the kind that the config wants.

    Raises:
        DataError: One has none.
        ConfigError: There are run-length encodings, and polygons are wanted.
    """
    for record, annotation, box in _boxes(records):
        if annotation.get("iscrowd"):
            continue
        mask = annotation.get("segmentation")
        if not mask:
            raise DataError(
                f"{record['file_name']}: the object at {_rounded(box)} has no mask, but "
                f"MODEL.MASK_ON is True; set it to False, or add masks to {source_of(name)}"
            )
        if isinstance(mask, dict) and cfg.INPUT.MASK_FORMAT == "polygon":
            raise ConfigError(
                f"INPUT.MASK_FORMAT is 'polygon', but data set {name!r} has masks in run-length "
                "encoding; set INPUT.MASK_FORMAT bitmask"
            )


def is_empty(box: Sequence[float]) -> bool:
    """Whether a box x0, y0, x1, y1 has no area."""
    x0, y0, x1, y1 = box
    return x1 - x0 <= MIN_SIDE or y1 - y0 <= MIN_SIDE


def without_empty_boxes(records: Records, *, filter_empty: bool) -> Records:
    """Records without the boxes that have no area.

    Args:
        filter_empty: Whether to leave out images, too, that have no box then.
    """
    result = []
    for record in records:
        kept = [a for a in record.get("annotations", []) if not is_empty(_corners(a))]
        if len(kept) < len(record.get("annotations", [])):
            if filter_empty and not any(a.get("iscrowd", 0) == 0 for a in kept):
                continue
            record = {**record, "annotations": kept}
        result.append(record)
    return result


def _boxes(records: Records) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[float]]]:
    """Record, annotation and its box x0, y0, x1, y1."""
    for record in records:
        for annotation in record.get("annotations", []):
            yield record, annotation, _corners(annotation)


def _corners(annotation: dict[str, Any]) -> list[float]:
    if annotation["bbox_mode"] == BoxMode.XYWH_ABS:  # a hundred times as fast as the general way
        x, y, width, height = annotation["bbox"]
        return [x, y, x + width, y + height]
    return BoxMode.convert(annotation["bbox"], annotation["bbox_mode"], BoxMode.XYXY_ABS)


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(float(side), 1) for side in box]
