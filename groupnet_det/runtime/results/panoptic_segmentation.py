"""Objects and labels of an image as segments, of which each pixel belongs to one at most."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.images.reading import AnyImage
from groupnet_det.packed.score_thresholds import (
    ScoreThreshold,
    complete_threshold,
    lowest_threshold,
)

from .detections import Detections
from .drawing import Canvas, object_colours, pixels_of
from .label_maps import LabelMap, masks_for_supervision
from .members import counted, is_number, selection
from .result import Result
from .run_lengths import encode_mask

THINGS = 0  # the label that stands for all objects


@dataclass(frozen=True, kw_only=True)
class Combination:
    """The rules by which objects and areas of a label become segments.

    Attributes:
        overlap_threshold: Share of an object's mask above which other objects may not have it.
        stuff_area_limit: Smallest number of pixels of a label.
        score_threshold: Score threshold of an object.
    """

    overlap_threshold: float
    stuff_area_limit: int
    score_threshold: float


@dataclass(frozen=True, eq=False)
class Segment:
    """An object, or all pixels of a kind of stuff.

    Attributes:
        class_name: Its class.
        label: The number of the class, among those of objects or those of stuff.
        is_thing: Whether it is an object.
        id: The number that its pixels have in `PanopticSegmentation.segment_map`.
        score: 0 to 1, of objects.
        mask: bool (height, width).
    """

    class_name: str
    label: int
    is_thing: bool
    id: int
    score: float | None
    mask: Tensor = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class PanopticSegmentation(Result):
    """Segments of an image.

    A sequence of `Segment`, objects before stuff; a slice, a mask such as
    ``found[found.areas > 100]`` or a list of numbers selects some of them, and other pixels then
    belong to none.

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

    @property
    def areas(self) -> Tensor:
        """Pixels of each segment, int64 (len,)."""
        ids = [info["id"] for info in self.segments_info]
        return torch.bincount(self.segment_map.flatten(), minlength=max(ids, default=0) + 1)[ids]

    def __len__(self) -> int:
        return len(self.segments_info)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: Any) -> "PanopticSegmentation": ...
    def __getitem__(self, index: Any) -> "Segment | PanopticSegmentation":
        """One segment; or some by a slice, a bool for each, or numbers.

        Raises:
            IndexError: There are not so many segments.
        """
        if is_number(index):
            return self._segment(range(len(self))[operator.index(index)])
        kept = np.arange(len(self))[selection(index)].tolist()
        infos = tuple(self.segments_info[number] for number in kept)
        ids = torch.tensor([info["id"] for info in infos], dtype=self.segment_map.dtype)
        others = ~torch.isin(self.segment_map, ids)
        return replace(
            self, segment_map=self.segment_map.masked_fill(others, 0), segments_info=infos
        )

    def __iter__(self) -> Iterator[Segment]:
        return map(self._segment, range(len(self)))

    def _segment(self, number: int) -> Segment:
        info = self.segments_info[number]
        return Segment(
            class_name=self.names[number],
            label=info["category_id"],
            is_thing=info["isthing"],
            id=info["id"],
            score=info.get("score"),
            mask=self.segment_map == info["id"],
        )

    def above(self, score: ScoreThreshold) -> "PanopticSegmentation":
        """See `Result.above`; the objects are combined again. Classes that a mapping does not name
        keep the threshold of `combination`."""
        own = self.combination.score_threshold
        score = complete_threshold(score, self.detections.class_names, own)
        options = replace(self.combination, score_threshold=lowest_threshold(score))
        return combine(self.detections.above(score), self.label_map, options)

    def plot(self, image: AnyImage, *, scale: float = 1.0) -> NDArray[np.uint8]:
        """See `Result.plot`: objects with their boxes, and a list of the stuff."""
        height, width = self.segment_map.shape
        canvas = Canvas(pixels_of(image, (height, width)), scale)
        palette = {
            True: object_colours(max(len(self.detections.class_names), 1)),
            False: self.label_map.colours(),
        }
        segments = [(each, palette[each.is_thing][each.label]) for each in self]
        for segment, colour in segments:
            if any(colour):
                canvas.region(segment.mask.numpy(), colour)
        canvas.lines([(each.class_name, colour) for each, colour in segments if not each.is_thing])
        canvas.boxes(
            [
                (_box_around(each.mask.numpy()), colour, f"{each.class_name} {each.score or 0:.0%}")
                for each, colour in segments
                if each.is_thing and bool(each.mask.any())
            ]
        )
        return canvas.pixels()

    def to_dict(self) -> dict[str, Any]:
        """``image_size`` (height, width) and ``segments``: ``class``, ``label``, ``isthing``,
        ``id``, ``mask`` and, of objects, ``score``."""
        segments: list[dict[str, Any]] = []
        for each in self:
            entry = {
                "class": each.class_name,
                "label": each.label,
                "isthing": each.is_thing,
                "id": each.id,
                "mask": encode_mask(each.mask.numpy()),
            }
            segments.append(entry | _score_of(each))
        return {"image_size": list(self.segment_map.shape), "segments": segments}

    def to_coco(self, image_id: int | str = 0) -> list[dict[str, Any]]:
        """See `Result.to_coco`; ``isthing`` says whose classes ``category_id`` counts."""
        results: list[dict[str, Any]] = []
        for each in self:
            result = {
                "image_id": image_id,
                "category_id": each.label,
                "isthing": each.is_thing,
                "segmentation": encode_mask(each.mask.numpy()),
            }
            results.append(result | _score_of(each))
        return results

    def to_supervision(self) -> Any:
        """supervision's ``Detections`` with masks; labels of stuff follow those of objects."""
        offset = len(self.detections.class_names)
        labels = [each.label + (0 if each.is_thing else offset) for each in self]
        return masks_for_supervision([each.mask for each in self], labels, self.names)

    def to_detectron2(self) -> tuple[Tensor, list[dict[str, Any]]]:
        """``panoptic_seg``: the segment map and what its numbers mean."""
        return self.segment_map, [dict(info) for info in self.segments_info]

    def __repr__(self) -> str:
        height, width = self.segment_map.shape
        things = [each for each in self.segments_info if each["isthing"]]
        parts = [counted(self.names[: len(things)]), *self.names[len(things) :]]
        return f"PanopticSegmentation({', '.join(parts)}; image of {width} x {height} pixels)"

    def __str__(self) -> str:
        return ", ".join(self.names) or "nothing"


def _score_of(segment: Segment) -> dict[str, Any]:
    return {} if segment.score is None else {"score": segment.score}


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


def _box_around(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, upper, right and lower side of a mask with pixels."""
    rows, columns = _extent(mask)
    return columns.start, rows.start, columns.stop, rows.stop


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
