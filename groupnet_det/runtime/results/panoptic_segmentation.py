"""Objects and labels of an image as segments, of which each pixel belongs to one at most."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .detections import Detections
from .label_maps import LabelMap
from .result import Result

THINGS = 0  # the label that stands for all objects


@dataclass(frozen=True, kw_only=True)
class Combination:
    """When objects and areas of a label become segments.

    Attributes:
        overlap_threshold: Share of an object's mask above which other objects may not have it.
        stuff_area_limit: Least number of pixels of a label.
        score_threshold: Score threshold of an object.
    """

    overlap_threshold: float
    stuff_area_limit: int
    score_threshold: float


@dataclass(frozen=True, eq=False)
class PanopticSegmentation(Result):
    """Segments of an image.

    Attributes:
        segment_map: int32 (height, width), in pixels of the image: the ``id`` of each pixel's
            segment, 0 for none.
        segments_info: A dict for each segment, as Detectron2 has it: ``id``, ``isthing`` and
            ``category_id``; of objects also ``score`` and ``instance_id``, the number among
            `detections`; of stuff also ``area`` in pixels.
        detections: All objects, with masks, whether they are segments or not.
        label_map: The label of each pixel; its first class stands for all objects.
        combination: How the segments were made of these two.
    """

    segment_map: Tensor
    segments_info: tuple[dict[str, Any], ...]
    detections: Detections
    label_map: LabelMap
    combination: Combination

    @property
    def names(self) -> list[str]:
        """The class of each segment."""
        of_kind = {True: self.detections.class_names, False: self.label_map.class_names}
        return [of_kind[info["isthing"]][info["category_id"]] for info in self.segments_info]

    def above(self, score: float) -> "PanopticSegmentation":
        """The same with objects of at least this score, combined again."""
        options = replace(self.combination, score_threshold=score)
        return combine(self.detections.above(score), self.label_map, options)

    def to_detectron2(self) -> tuple[Tensor, list[dict[str, Any]]]:
        """``panoptic_seg``: the segment map and what its numbers mean."""
        return self.segment_map, [dict(info) for info in self.segments_info]

    def __str__(self) -> str:
        return ", ".join(self.names) or "nothing"


def combine(
    detections: Detections, label_map: LabelMap, options: Combination
) -> PanopticSegmentation:
    """Objects, the most certain first, then the stuff between them.

    Source: Kirillov et al., Panoptic Segmentation (arXiv 1801.00868) and Panoptic Feature Pyramid
    Networks (arXiv 1901.02446).

    Args:
        detections: With masks of the label map's size.
        label_map: Its label 0 stands for all objects, and makes no segment.
        options: What becomes a segment.
    """
    canvas = _Canvas(label_map.labels.numpy().shape)
    _add_objects(canvas, detections, options)
    _add_stuff(canvas, label_map, options.stuff_area_limit)
    return PanopticSegmentation(
        torch.from_numpy(canvas.ids), tuple(canvas.infos), detections, label_map, options
    )


class _Canvas:
    """Segments so far. All by numpy: see `numpy_ops`."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self.ids = np.zeros(size, np.int32)
        self.infos: list[dict[str, Any]] = []

    def note(self, **info: Any) -> int:
        """The number of a new segment."""
        self.infos.append({"id": len(self.infos) + 1, **info})
        return len(self.infos)


def _add_objects(canvas: _Canvas, detections: Detections, options: Combination) -> None:
    """Each with what the ones before have left of its mask, but for those with little left."""
    assert detections.masks is not None
    masks, scores = detections.masks.numpy(), detections.scores.numpy()
    for index in np.argsort(-scores, kind="stable").tolist():
        score = float(scores[index])
        if score < options.score_threshold:
            break
        where = _extent(masks[index])
        ids, mask = canvas.ids[where], masks[index][where]
        free = mask & (ids == 0)
        area, left = np.count_nonzero(mask), np.count_nonzero(free)
        if area == 0 or (area - left) / area > options.overlap_threshold:
            continue
        category = int(detections.classes[index])
        number = canvas.note(isthing=True, score=score, category_id=category, instance_id=index)
        np.copyto(ids, number, where=free)


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns that a mask has pixels in: few of the image's."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return slice(0), slice(0)
    top, bottom = rows[0], rows[-1] + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    return slice(top, bottom), slice(columns[0], columns[-1] + 1)


def _add_stuff(canvas: _Canvas, label_map: LabelMap, least: int) -> None:
    """All free pixels of a label, where these are enough."""
    labels, free = label_map.labels.numpy(), canvas.ids == 0
    areas = np.bincount(labels[free], minlength=len(label_map.class_names))
    numbers = np.zeros(len(areas), np.int32)
    for label in np.flatnonzero(areas).tolist():
        area = int(areas[label])
        if label != THINGS and area >= least:
            numbers[label] = canvas.note(isthing=False, category_id=label, area=area)
    np.copyto(canvas.ids, numbers[labels], where=free)
