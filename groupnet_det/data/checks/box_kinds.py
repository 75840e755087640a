"""A guess whether boxes are written in another way than their format wants."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from detectron2.structures import BoxMode
from numpy.typing import NDArray

from groupnet_det.data.catalog import source_of
from groupnet_det.errors import DataError

Floats = NDArray[np.float64]

TOLERANCE = 1.0  # pixels; annotation tools round
SHARE = 0.25  # of boxes that must fit badly; of corners taken for sizes, mostly three quarters do
LEAST_SIDE = 4  # pixels of an image in which a box of 1 pixel is no fraction


class _Boxes(NamedTuple):
    """
    Attributes:
        values: (N, 4), as the file has them.
        sizes: (N, 2), width and height of their images.
    """

    values: Floats
    sizes: Floats


def check_box_kind(name: str, records: list[dict[str, Any]]) -> None:
    """Boxes do not look as if they were written in another way than they are read.

    Raises:
        DataError: They do.
    """
    told = _guess_box_kind(records)
    if told:
        raise DataError(
            f"data set {name!r}: {told}. Convert the boxes in {source_of(name)}, or, if they are "
            "right, set DATASETS.CHECK_BOX_KIND False"
        )


def _guess_box_kind(records: list[dict[str, Any]]) -> str | None:
    """How the boxes of a data set look to be written, if that is not how they are read.

    Args:
        records: Of Detectron2, with sizes of images; their boxes all of one mode.

    Returns:
        A clause for a message, or None.
    """
    for mode, guesses in GUESSES.items():
        rows = list(_rows(records, mode))
        table = np.asarray(rows, dtype=np.float64).reshape(-1, 6)
        sides = table[:, 2:4] - (table[:, :2] if mode == BoxMode.XYXY_ABS else 0)
        table = table[(sides != 0).all(axis=1)]  # boxes without an area tell nothing
        if not len(table):
            continue
        boxes = _Boxes(table[:, :4], table[:, 4:])
        if told := next((told for told in (guess(boxes) for guess in guesses) if told), None):
            return told
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
    """Corners x0, y0, x1, y1 where x, y, width, height are expected."""
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
    """x, y, width, height where corners are expected."""
    low, high = boxes.values[:, :2], boxes.values[:, 2:]
    negative = np.any(high < low, axis=1)
    inside = (low >= -TOLERANCE).all() and (low + high <= boxes.sizes + TOLERANCE).all()
    if not inside or not (high >= 0).all() or negative.mean() < SHARE:
        return None
    return (
        f"{negative.sum()} of {len(negative)} boxes are of negative size as corners, but all lie "
        "inside their images as x, y, width, height: they look like those"
    )


GUESSES: dict[BoxMode, tuple[Callable[[_Boxes], str | None], ...]] = {
    BoxMode.XYWH_ABS: (_fractions, _corners_for_sizes),
    BoxMode.XYXY_ABS: (_fractions, _sizes_for_corners),
}
