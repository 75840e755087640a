"""Pyramid levels and anchors of a data set's objects, by k-means on their sizes and shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groupnet_det.engine.checks.anchor_recall import best_overlaps

Floats = NDArray[np.float64]

FITTING_IOU = 0.5
OFFSET = 0.0  # Detectron2's ANCHOR_GENERATOR.OFFSET
REACH = 5.0  # strides: the size up to which a level's objects are
FEW = 0.02  # share of the objects that may lie beyond the levels
ENOUGH = 10  # objects by which a level's sizes are found
MOST_SHAPES = 3
WORTH = 0.02  # recall that another shape must add
ROUNDS = 100  # of k-means, which ends sooner
DEFAULT_SIZE = 4.0 * 2 ** (1 / 3)  # the middle one of RetinaNet's three, in strides


@dataclass(frozen=True, kw_only=True)
class AnchorChoice:
    """
    Attributes:
        levels: Numbers of the pyramid's levels: 3 for p3, of stride 8.
        sizes: For each level, square roots of areas in pixels.
        shapes: Height by width, of all levels.
        recall: Share of the objects that some anchor overlaps by `FITTING_IOU` or more.
    """

    levels: tuple[int, ...]
    sizes: tuple[tuple[float, ...], ...]
    shapes: tuple[float, ...]
    recall: float


def find_anchors(
    boxes: Floats, images: Floats, *, choices_of_levels: Sequence[tuple[int, ...]], per_level: int
) -> AnchorChoice:
    """Levels that the objects lie on, sizes of anchors for each, and common shapes.

    Args:
        boxes: (M, 4): x0, y0, x1, y1 in pixels, after resizing, none without an area.
        images: (M, 2): height and width of their images.
        choices_of_levels: Pyramids that there may be, the cheapest first.
        per_level: Number of sizes on each level.
    """
    extents = boxes[:, 2:] - boxes[:, :2]
    sizes = np.sqrt(extents.prod(axis=1))
    levels = choose_levels(sizes, choices_of_levels)
    of_levels = tuple(tuple(_sizes_of_level(sizes, levels, level, per_level)) for level in levels)
    found: list[AnchorChoice] = []
    for number in range(1, MOST_SHAPES + 1):
        shapes = tuple(_means(extents[:, 1] / extents[:, 0], number))
        recall = _recall(boxes, images, levels, of_levels, shapes)
        found.append(AnchorChoice(levels=levels, sizes=of_levels, shapes=shapes, recall=recall))
    best = max(anchors.recall for anchors in found)
    return next(anchors for anchors in found if anchors.recall >= best - WORTH)


def choose_levels(sizes: Floats, choices: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The first of the pyramids beyond which few objects lie; else the last.

    An object is beyond the coarsest level where it is larger than `REACH` strides, and beyond the
    finest, other than the one of the finest pyramid, where it is smaller than half of that.
    """
    finest = min(level for levels in choices for level in levels)
    for levels in choices:
        low = 0.0 if levels[0] == finest else REACH * 2 ** levels[0] / 2
        beyond = (sizes > REACH * 2 ** levels[-1]) | (sizes < low)
        if beyond.mean() <= FEW:
            return levels
    return choices[-1]


def _sizes_of_level(sizes: Floats, levels: Sequence[int], level: int, number: int) -> list[float]:
    """Means of the objects on a level, or where they are all of a size, some around it; without
    objects, RetinaNet's sizes."""
    low = 0.0 if level == levels[0] else REACH * 2 ** (level - 1)
    high = np.inf if level == levels[-1] else REACH * 2**level
    here = sizes[(sizes > low) & (sizes <= high)]
    if len(here) >= ENOUGH and len(np.unique(here.round(1))) >= number:
        return [round(size) for size in _means(here, number)]
    middle = float(np.exp(np.log(here).mean())) if len(here) >= ENOUGH else DEFAULT_SIZE * 2**level
    return [round(middle * 2 ** ((i - (number - 1) / 2) / 3)) for i in range(number)]


def _means(values: Floats, number: int) -> list[float]:
    """k-means of logarithms from quantiles, in order, rounded."""
    logs = np.log(values)
    means = np.quantile(logs, (np.arange(number) + 0.5) / number)
    for _ in range(ROUNDS):
        nearest = abs(logs[:, None] - means).argmin(axis=1)
        moved = np.array(
            [logs[nearest == i].mean() if (nearest == i).any() else means[i] for i in range(number)]
        )
        if np.allclose(moved, means):
            break
        means = moved
    return [round(float(value), 2) for value in np.exp(np.sort(means))]


def _recall(
    boxes: Floats,
    images: Floats,
    levels: Sequence[int],
    sizes: Sequence[Sequence[float]],
    shapes: Sequence[float],
) -> float:
    anchors = [
        np.array([_around_zero(size, shape) for size in of_level for shape in shapes])
        for of_level in sizes
    ]
    strides = [2**level for level in levels]
    overlaps = best_overlaps(boxes, images, anchors=anchors, strides=strides, offset=OFFSET)
    return float((overlaps >= FITTING_IOU).mean())


def _around_zero(size: float, shape: float) -> list[float]:
    """An anchor like Detectron2's generator makes: area size², `shape` times as high as wide."""
    width = size / np.sqrt(shape)
    height = shape * width
    return [-width / 2, -height / 2, width / 2, height / 2]
