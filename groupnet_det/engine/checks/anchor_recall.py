"""Share of objects that some anchor fits: whether a detector can learn them from its anchors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_overlaps(
    boxes: Floats,
    images: Floats,
    *,
    anchors: Sequence[Floats],
    strides: Sequence[int],
    offset: float,
) -> Floats:
    """The greatest IoU of each box with any anchor, exactly, without making all anchors.

    Of the anchors of one shape, which stand on a grid, the one whose centre is nearest overlaps
    most, as the overlap falls with the distance in either direction.

    Args:
        boxes: (N, 4): x0, y0, x1, y1 in pixels.
        images: (N, 2): height and width of their images.
        anchors: For each level (A, 4), around 0.
        strides: Stride of each level, in pixels.
        offset: Offset of the first centre from the corner, in strides.

    Returns:
        (N,).
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    extents = boxes[:, 2:] - boxes[:, :2]
    best = np.zeros(len(boxes))
    for level, stride in zip(anchors, strides, strict=True):
        last = np.ceil(images[:, ::-1] / stride) - 1
        nearest = (np.clip(np.round(centres / stride - offset), 0, last) + offset) * stride
        for x0, y0, x1, y1 in level:
            overlap = _overlaps(nearest - centres, extents, np.array([x1 - x0, y1 - y0]))
            best = np.maximum(best, overlap)
    return best


def _overlaps(distance: Floats, extents: Floats, anchor: Floats) -> Floats:
    """IoU of boxes with a shape at a distance (N, 2) of their centres."""
    common = np.minimum((extents + anchor) / 2 - abs(distance), np.minimum(extents, anchor))
    area = np.prod(np.maximum(common, 0), axis=1)
    union = np.prod(extents, axis=1) + np.prod(anchor) - area
    return area / np.maximum(union, np.finfo(float).tiny)
