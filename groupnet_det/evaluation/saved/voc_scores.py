"""Average precision as PASCAL VOC's development kit computes it.

Everingham et al., The PASCAL Visual Object Classes (VOC) Challenge, IJCV 2010, Section 4.2; since
2010 the area under the curve instead of eleven points of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupnet_det.data.datasets.voc_layout import VocObject, read_annotation, read_split
from groupnet_det.errors import DataError, lookup

from .coco_scores import DetectionScores, load_result_list

Floats = NDArray[np.float64]

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # IoU thresholds; VOC uses the first


def eleven_points(recall: Floats, precision: Floats) -> float:
    """Mean of the highest precision at recalls of at least 0, 0.1, ... 1."""
    points = np.arange(0.0, 1.1, 0.1)  # not exactly tenths, as in other evaluators
    best = [precision[recall >= point].max(initial=0.0) for point in points]
    return float(np.mean(best))


def area_under_curve(recall: Floats, precision: Floats) -> float:
    """Area under the highest precision at each recall or above."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


METRICS: dict[str, Callable[[Floats, Floats], float]] = {
    "07": eleven_points,
    "12": area_under_curve,
}


@dataclass(frozen=True)
class _Truth:
    """Objects of one class in one image: boxes (N, 4) as in `VocObject`."""

    boxes: Floats
    difficult: NDArray[np.bool_]


def score_voc(
    gt: Mapping[str, Sequence[VocObject]],
    results: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    metric: str,
) -> DetectionScores:
    """Score COCO results.

    A result is correct if its IoU with the object that it overlaps most reaches the threshold, and
    no result with a higher score has matched that object. Difficult objects are ignored.

    Args:
        gt: Objects by image id.
        results: Results with ``image_id``, ``category_id`` (the index of the class), ``bbox`` and
            ``score``.
        class_names: Class names in order.
        metric: A key of `METRICS`.

    Returns:
        ``AP`` (the mean over IoU thresholds of 0.5 to 0.95), ``AP50`` and ``AP75`` in per cent; nan
        for a class without objects, which the means leave out.

    Raises:
        ConfigError: Unknown `metric`.
    """
    average = lookup(METRICS, metric, "VOC metric")
    table = np.full((len(class_names), len(THRESHOLDS)), np.nan)
    for label, name in enumerate(class_names):
        objects = {image: _of_class(items, name) for image, items in gt.items()}
        number = sum(int((~item.difficult).sum()) for item in objects.values())
        found = sorted(
            (result for result in results if result["category_id"] == label),
            key=lambda result: -result["score"],
        )
        if number:
            overlaps = [_overlaps(result["bbox"], objects[result["image_id"]]) for result in found]
            for column, threshold in enumerate(THRESHOLDS):
                hits = _hits(found, overlaps, objects, threshold)
                right = np.cumsum([hit is True for hit in hits], dtype=np.float64)
                wrong = np.cumsum([hit is False for hit in hits], dtype=np.float64)
                precision = right / np.maximum(right + wrong, 1)
                table[label, column] = 100 * average(right / number, precision)
    return DetectionScores(
        summary={
            "AP": _mean(table),
            "AP50": _mean(table[:, 0]),
            "AP75": _mean(table[:, 5]),
        },
        per_class={
            name: (_mean(row), float(row[0])) for name, row in zip(class_names, table, strict=True)
        },
    )


def score_voc_results(
    root: Path, split: str, results: Path, class_names: Sequence[str], metric: str
) -> DetectionScores:
    """Score saved results against the XML files of a VOC layout.

    Raises:
        DataError: A file is missing or broken, or the files do not belong together.
        ConfigError: Unknown `metric`.
    """
    loaded = [
        {**result, "image_id": str(result["image_id"])}  # as in the split
        for result in load_result_list(results, "bbox")
    ]
    gt = read_gt(root, split)
    foreign = {result["image_id"] for result in loaded} - set(gt)
    if foreign:
        raise DataError(
            f"{results} names {len(foreign)} images, such as {min(foreign)}, that split {split!r} "
            f"of {root} lacks; do the two belong together?"
        )
    unknown = {result["category_id"] for result in loaded} - set(range(len(class_names)))
    if unknown:
        raise DataError(
            f"{results} has category {min(unknown, key=str)}, but there are {len(class_names)} "
            "classes, counted from 0; are these the classes of the training?"
        )
    return score_voc(gt, loaded, class_names, metric)


def read_gt(root: Path, split: str) -> dict[str, tuple[VocObject, ...]]:
    """The objects of all images of a split.

    Raises:
        DataError: A file is missing or broken.
    """
    return {
        image_id: read_annotation(root / "Annotations" / f"{image_id}.xml").objects
        for image_id in read_split(root, split)
    }


def _of_class(items: Sequence[VocObject], name: str) -> _Truth:
    own = [item for item in items if item.name == name]
    return _Truth(
        np.array([item.box for item in own], dtype=np.float64).reshape(-1, 4),
        np.array([item.difficult for item in own], dtype=bool),
    )


def _overlaps(box: Sequence[float], objects: _Truth) -> Floats:
    """IoU of a box x, y, width, height with N objects, with pixels counted from 1."""
    x, y, width, height = box
    low, high = np.array([x + 1, y + 1]), np.array([x + width, y + height])
    others = objects.boxes
    shared = np.minimum(high, others[:, 2:]) - np.maximum(low, others[:, :2]) + 1
    intersection = shared.clip(min=0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2] + 1).prod(axis=1)
    return intersection / ((high - low + 1).prod() + areas - intersection)


def _hits(
    found: Sequence[Mapping[str, Any]],
    overlaps: Sequence[Floats],
    objects: Mapping[str, _Truth],
    threshold: float,
) -> list[bool | None]:
    """Whether each result is correct; None for ignored results."""
    taken: set[tuple[str, int]] = set()
    hits: list[bool | None] = []
    for result, ious in zip(found, overlaps, strict=True):
        image = result["image_id"]
        best = int(ious.argmax()) if len(ious) else -1
        if best < 0 or ious[best] < threshold:
            hits.append(False)
        elif objects[image].difficult[best]:
            hits.append(None)
        else:
            hits.append((image, best) not in taken)
            taken.add((image, best))
    return hits


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
