"""Statistics of a data set that the config of its training is chosen by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.structures import BoxMode
from numpy.typing import NDArray

from groupnet_det.data.checks.boxes_and_masks import is_empty
from groupnet_det.images.decoding import open_image, upright_size
from groupnet_det.images.label_images import count_labels

Floats = NDArray[np.float64]
Records = Sequence[dict[str, Any]]

MOST_OPENED = 300  # images or masks that are opened, evenly spread


@dataclass(frozen=True, kw_only=True)
class DatasetStatistics:
    """
    Attributes:
        num_images, num_validation: In the two splits.
        class_names: Names of the classes, by label.
        image_sizes: (N, 2): height and width in pixels, of all images or of `MOST_OPENED`.
        boxes: (M, 4): x0, y0, x1, y1 of the objects of training in pixels; none of other tasks.
        box_images: (M, 2): height and width of the image of each.
        box_labels: (M,): their classes.
        has_run_lengths: Whether a mask of an object is one.
        commonest_share: Share of the commonest class in the pixels of masks; 0 without masks.
    """

    num_images: int
    num_validation: int
    class_names: tuple[str, ...]
    image_sizes: Floats
    boxes: Floats
    box_images: Floats
    box_labels: NDArray[np.int64]
    has_run_lengths: bool
    commonest_share: float

    @property
    def short_side(self) -> float:
        """The median of the images' shorter sides, in pixels."""
        return float(np.median(self.image_sizes.min(axis=1)))


def compute_statistics(
    learned: Records, validation: Records, class_names: Sequence[str]
) -> DatasetStatistics:
    """
    Args:
        learned: Records to train on, checked.
        validation: Records to score.
        class_names: Names of the classes of both.
    """
    rows = [
        (box, (record["height"], record["width"]), annotation)
        for record in learned
        for annotation in record.get("annotations", [])
        if not annotation.get("iscrowd") and not is_empty(box := _corners(annotation))
    ]
    masks = [annotation.get("segmentation") for _, _, annotation in rows]
    return DatasetStatistics(
        num_images=len(learned),
        num_validation=len(validation),
        class_names=tuple(class_names),
        image_sizes=np.array([_size(record) for record in _some(learned)], dtype=float),
        boxes=np.array([box for box, _, _ in rows], dtype=float).reshape(-1, 4),
        box_images=np.array([size for _, size, _ in rows], dtype=float).reshape(-1, 2),
        box_labels=np.array([annotation["category_id"] for _, _, annotation in rows], dtype=int),
        has_run_lengths=any(isinstance(mask, dict) for mask in masks),
        commonest_share=_commonest_share(learned, len(class_names)),
    )


def _corners(annotation: Mapping[str, Any]) -> list[float]:
    box: list[float] = BoxMode.convert(
        annotation["bbox"], annotation["bbox_mode"], BoxMode.XYXY_ABS
    )
    return box


def _some(records: Records) -> Records:
    """All records with their sizes, or `MOST_OPENED` evenly spread."""
    return records if "height" in records[0] else _spread(records)


def _spread(records: Records) -> Records:
    count = min(MOST_OPENED, len(records))
    return [records[index] for index in np.linspace(0, len(records) - 1, count).astype(int)]


def _size(record: Mapping[str, Any]) -> tuple[int, int]:
    if "height" in record:
        return record["height"], record["width"]
    with open_image(str(Path(record["file_name"]))) as image:
        width, height = upright_size(image)
    return height, width


def _commonest_share(records: Records, num_classes: int) -> float:
    if "sem_seg_file_name" not in records[0]:
        return 0.0
    counts = sum(count_labels(record)[:num_classes] for record in _spread(records))
    return float(np.max(counts) / max(1, np.sum(counts)))
