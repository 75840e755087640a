"""Detects boxes that are written in another convention than their format requires."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from detectron2.structures import BoxMode
from numpy.typing import NDArray

from groupnet_det.data.catalog import source_of
from groupnet_det.errors import DataError

Floats = NDArray[np.float64]

TOLERANCE = 1.0  # pixels; annotation tools round
SHARE = 0.25  # of boxes that must not fit; of corners read as sizes, usually three quarters do not
LEAST_SIDE = 4  # pixels; in a smaller image, a box of 1 pixel could be taken for a fraction


class _Boxes(NamedTuple):
    """Boxes in one convention.

    Attributes:
        values: The boxes as written in the file, (N, 4).
        sizes: The widths and heights of their images, (N, 2).
    """

    values: Floats
    sizes: Floats


def check_box_kind(name: str, records: list[dict[str, Any]]) -> None:
    """Check that boxes are written in the convention in which they are read.

    Raises:
        DataError: They look like another convention.
    """
    problem = _guess_box_kind(records)
    if problem:
        raise DataError(
            f"data set {name!r}: {problem}. Convert the boxes in {source_of(name)}, or, if they "
            "are right, set DATASETS.CHECK_BOX_KIND False"
        )


def _guess_box_kind(records: list[dict[str, Any]]) -> str | None:
    """Guess the convention of the boxes.

    Args:
        records: Detectron2's records, with the sizes of images. All boxes have the same mode.

    Returns:
        A clause for an error message, or None if the boxes are written as they are read.
    """
    is_yolo = any("label_file" in record for record in records)
    for mode, guesses in (OF_YOLO if is_yolo else GUESSES).items():
        rows = list(_rows(records, mode))
        table = np.asarray(rows, dtype=np.float64).reshape(-1, 6)
        sides = table[:, 2:4] - (table[:, :2] if mode == BoxMode.XYXY_ABS else 0)
        table = table[(sides != 0).all(axis=1)]  # boxes without an area give no hint
        if not len(table):
            continue
        boxes = _Boxes(table[:, :4], table[:, 4:])
        if problem := next(
            (problem for problem in (guess(boxes) for guess in guesses) if problem), None
        ):
            return problem
    return None


def _rows(records: list[dict[str, Any]], mode: BoxMode) -> Iterator[tuple[float, ...]]:
    for record in records:
        width, height = record.get("width", 0), record.get("height", 0)
        for annotation in record.get("annotations", []):
            if annotation["bbox_mode"] == mode and width and height:
                yield (*annotation["bbox"], width, height)


def _fractions(boxes: _Boxes) -> str | None:
    least = boxes.sizes.min()
    if least < LEAST_SIDE or boxes.values.max() > 1 or boxes.values.max() <= 0:
        return None
    return "no number of any box is above 1: they look like fractions of the image's sides"


def _corners_for_sizes(boxes: _Boxes) -> str | None:
    """Detect corners x0, y0, x1, y1 where x, y, width, height are expected."""
    low, high = boxes.values[:, :2], boxes.values[:, 2:]
    over = np.any(low + high > boxes.sizes + TOLERANCE, axis=1)
    inside = (low >= -TOLERANCE).all() and (high <= boxes.sizes + TOLERANCE).all()
    if not inside or not (high >= low).all() or over.mean() < SHARE:
        return None
    return (
        f"{over.sum()} of {len(over)} boxes reach over the border of their images as x, y, width, "
        "height, but none does as x0, y0, x1, y1: they look like corners"
    )


def _sizes_for_corners(boxes: _Boxes) -> str | None:
    """Detect x, y, width, height where corners are expected."""
    low, high = boxes.values[:, :2], boxes.values[:, 2:]
    negative = np.any(high < low, axis=1)
    inside = (low >= -TOLERANCE).all() and (low + high <= boxes.sizes + TOLERANCE).all()
    if not inside or not (high >= 0).all() or negative.mean() < SHARE:
        return None
    return (
        f"{negative.sum()} of {len(negative)} boxes are of negative size as corners, but all lie "
        "inside their images as x, y, width, height: they look like those"
    )


def _corners_for_centres(boxes: _Boxes) -> str | None:
    """Detect corners x0, y0, x1, y1 where YOLO's centre, width and height are expected."""
    low, high = boxes.values[:, :2], boxes.values[:, 2:]
    over = np.any((low < -TOLERANCE) | (high > boxes.sizes + TOLERANCE), axis=1)
    first, second = (low + high) / 2, high - low  # as written, in pixels
    inside = (second >= first).all() and (second <= boxes.sizes + TOLERANCE).all()
    if not inside or over.mean() < SHARE:
        return None
    return (
        f"{over.sum()} of {len(over)} boxes reach over the border of their images as centre, width "
        "and height, but none does as x0, y0, x1, y1: they look like corners"
    )


Guesses = dict[BoxMode, tuple[Callable[[_Boxes], str | None], ...]]
GUESSES: Guesses = {
    BoxMode.XYWH_ABS: (_fractions, _corners_for_sizes),
    BoxMode.XYXY_ABS: (_fractions, _sizes_for_corners),
}
OF_YOLO: Guesses = {BoxMode.XYXY_ABS: (_corners_for_centres,)}
