"""Checks of boxes and masks of a detection data set before training."""

import itertools
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pycocotools.mask as mask_util
from detectron2.config import CfgNode
from detectron2.structures import BoxMode

from groupnet_det.data.catalog import class_names_of, source_of
from groupnet_det.errors import ConfigError, DataError

from .box_kinds import check_box_kind
from .compressed_masks import run_length_problem
from .image_sizes import check_real_size, is_voc, source_of_record

logger = logging.getLogger(__name__)

BOX_TOLERANCE = 1.0  # pixels; annotation tools round
MIN_SIDE = 1e-5  # pixels; Detectron2 calls a smaller box empty
MAX_NAMED = 12  # classes in a message
MAX_OPENED = 20  # images whose sizes are looked at

RecordList = list[dict[str, Any]]


def check_instances(cfg: CfgNode, name: str, records: RecordList) -> None:
    """Check the boxes, classes and masks of a data set, and warn of anything unusual.

    Raises:
        DataError: A box or mask is invalid, or there is no box to learn from.
        ConfigError: The type of the masks does not match the config.
    """
    if not any("annotations" in record for record in records):
        return  # a data set for another task
    try:
        if cfg.DATASETS.CHECK_BOX_KIND:
            check_box_kind(name, records)
        check_boxes(name, records)
    except DataError:
        _check_sizes_around_boxes(name, records)  # which may be the mistake
        raise
    _check_counts(cfg, name, records)
    _check_run_lengths(cfg, name, records)
    if cfg.MODEL.MASK_ON:
        _check_mask_kinds(cfg, name, records)
        _check_mask_places(name, records)


def check_boxes(name: str, records: RecordList) -> None:
    """Check that boxes lie inside their images and have a size.

    Well-known data sets contain boxes without an area, so these are only reported.

    Raises:
        DataError: A box has a negative size or a value that is not finite, or lies outside its
            image; or ``iscrowd`` is neither 0 nor 1.
    """
    overhanging: list[str] = []
    empty: list[str] = []
    for record, annotation, box in _boxes(records):
        if annotation.get("iscrowd", 0) not in (0, 1):  # other loaders keep strings
            problem = f"{_named(name, record, annotation)} has iscrowd {annotation['iscrowd']!r}"
            raise DataError(f"{problem}; name {source_of_record(name, record)} in DATASETS.CUSTOM")
        width, height = record.get("width", np.inf), record.get("height", np.inf)
        x0, y0, x1, y1 = box
        if not np.isfinite(box).all() or x1 < x0 or y1 < y0:
            raise DataError(
                f"{_named(name, record, annotation)} is of negative size or of no numbers; fix it "
                f"in {source_of_record(name, record)}"
            )
        if is_empty(box):
            empty.append(_named(name, record, annotation))
            continue
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise DataError(
                f"{_named(name, record, annotation)} lies outside its image of {width}x{height}; "
                f"fix it in {source_of_record(name, record)}"
            )
        low, high = -BOX_TOLERANCE, BOX_TOLERANCE
        if x0 < low or y0 < low or x1 > width + high or y1 > height + high:
            overhanging.append(_named(name, record, annotation))
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


def _check_counts(cfg: CfgNode, name: str, records: RecordList) -> None:
    """Warn of images without boxes and of classes without instances.

    Raises:
        DataError: A training data set has no box with an area.
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
    missing = [label for i, label in enumerate(class_names_of(name) or []) if not counts[i]]
    if missing:
        more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        effect = "cannot be learnt from it" if training else "have no AP, and the mean is without"
        logger.warning(
            f"data set {name}: no box of {len(missing)} classes, which {effect}: "
            f"{', '.join(missing[:MAX_NAMED])}{more}"
        )


def _check_run_lengths(cfg: CfgNode, name: str, records: RecordList) -> None:
    """Check that masks in run-length encoding match the sizes of their images.

    If the model does not learn masks, a mismatch is only a warning.

    Raises:
        DataError: A mask does not match, and the model learns masks.
    """
    problems = (
        (record, f"{_named(name, record, annotation)}: its mask {problem}")
        for record, annotation, _ in _boxes(records)
        if (problem := _run_length_problem(record, annotation))
    )
    record, first = next(problems, (None, ""))
    if record is None:
        return
    if cfg.MODEL.MASK_ON:
        check_real_size(name, record)  # the size in the record may be the mistake
        raise DataError(f"{first}; fix it in {source_of(name)}")
    number = 1 + sum(1 for _ in problems)
    logger.warning(
        f"data set {name}: {number} masks cannot be used, which matters not without "
        f"MODEL.MASK_ON; the first: {first}"
    )


def _run_length_problem(record: Any, annotation: Any) -> str | None:
    mask = annotation.get("segmentation")
    if not isinstance(mask, dict):
        return None
    size = record.get("height", mask["size"][0]), record.get("width", mask["size"][1])
    return run_length_problem(mask, size)


def _check_sizes_around_boxes(name: str, records: RecordList) -> None:
    """Check the sizes of the first images that boxes reach over, as where width and height are
    swapped."""
    over = (
        record
        for record, _, (_, _, x1, y1) in _boxes(records)
        if x1 > record.get("width", np.inf) or y1 > record.get("height", np.inf)
    )
    for record in itertools.islice(over, MAX_OPENED):
        check_real_size(name, record)


def _check_mask_places(name: str, records: RecordList) -> None:
    """Warn of valid run-length encoded masks that lie outside their boxes."""
    bad = [
        _named(name, record, annotation)
        for record, annotation, box in _boxes(records)
        if isinstance(annotation.get("segmentation"), dict)
        and not is_empty(box)
        and not _meet(box, _corners_of_mask(annotation["segmentation"]))
    ]
    if bad:
        logger.warning(
            f"data set {name}: {len(bad)} masks are empty or lie outside their boxes; the first: "
            f"that of {bad[0]}"
        )


def _corners_of_mask(mask: dict[str, Any]) -> list[float]:
    x, y, width, height = mask_util.toBbox(mask).tolist()
    return [x, y, x + width, y + height]


def _meet(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether two boxes overlap."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = first, second
    return min(x1, u1) > max(x0, u0) and min(y1, v1) > max(y0, v0)


def _check_mask_kinds(cfg: CfgNode, name: str, records: RecordList) -> None:
    """Check that every object has a mask of the type that the config expects.

    Raises:
        DataError: An object has no mask.
        ConfigError: A mask is run-length encoded, and the config expects polygons.
    """
    evaluated = name in cfg.DATASETS.TEST
    for record, annotation, _ in _boxes(records):
        mask, is_crowd = annotation.get("segmentation"), annotation.get("iscrowd")
        if not mask and (evaluated or not is_crowd):
            raise DataError(
                f"{_named(name, record, annotation)} has no mask, but MODEL.MASK_ON is True; set "
                f"it to False, or add masks to {source_of(name)}"
            )
        if is_crowd:
            continue
        if isinstance(mask, dict) and cfg.INPUT.MASK_FORMAT == "polygon":
            raise ConfigError(
                f"INPUT.MASK_FORMAT is 'polygon', but data set {name!r} has masks in run-length "
                "encoding; set INPUT.MASK_FORMAT bitmask"
            )


def is_empty(box: Sequence[float]) -> bool:
    """Return whether a box x0, y0, x1, y1 has no area."""
    x0, y0, x1, y1 = box
    return x1 - x0 <= MIN_SIDE or y1 - y0 <= MIN_SIDE


def without_empty_boxes(records: RecordList, *, filter_empty: bool) -> RecordList:
    """Remove boxes without an area from records.

    Args:
        filter_empty: Whether to also leave out images that have no box left.
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


def _boxes(records: RecordList) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[float]]]:
    """Yield each record, annotation and its box x0, y0, x1, y1."""
    for record in records:
        for annotation in record.get("annotations", []):
            yield record, annotation, _corners(annotation)


def _corners(annotation: dict[str, Any]) -> list[float]:
    if annotation["bbox_mode"] == BoxMode.XYWH_ABS:  # a hundred times faster than `BoxMode.convert`
        x, y, width, height = annotation["bbox"]
        return [x, y, x + width, y + height]
    return BoxMode.convert(annotation["bbox"], annotation["bbox_mode"], BoxMode.XYXY_ABS)


def _named(name: str, record: dict[str, Any], annotation: dict[str, Any]) -> str:
    """Describe an annotation: its image, its box as in the file, and its id if known."""
    box, order = [float(side) for side in annotation["bbox"]], "x0, y0, x1, y1"
    number = f" of annotation {annotation['id']}" if "id" in annotation else ""
    if annotation["bbox_mode"] == BoxMode.XYWH_ABS:
        order = "x, y, width, height"
    elif is_voc(name):  # VOC counts pixels from 1
        box, order = [box[0] + 1, box[1] + 1, *box[2:]], "xmin, ymin, xmax, ymax"
        number = f" of object {record['annotations'].index(annotation) + 1}"
    return f"{record['file_name']}: box {[round(side, 1) for side in box]} ({order}){number}"
