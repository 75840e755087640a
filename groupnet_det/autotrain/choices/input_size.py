"""Sizes of images for training, by those of images and objects."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = 32  # sides are multiples
LEAST, MOST = 128, 800  # pixels of the shorter side
# Pixels that the smallest tenth of the objects, and most of the smallest class, should keep.
SMALL_OBJECT, SMALL_CLASS = 20.0, 24.0
LEAST_COUNT = 10  # objects by which a class counts
CROP_SHARE = 0.75  # of the shorter side, that segmenters train on at a time
SEGMENTED = 320  # pixels of the shorter side, to which larger images are reduced
CLASSIFIED = (32, 64, 96, 128, 160, 192, 224)  # sides of classifiers' images


def detection_side(boxes: Floats, images: Floats, labels: NDArray[np.int64]) -> tuple[int, str]:
    """The shorter side at which the smallest objects can still be recognized.

    Args:
        boxes: (M, 4): x0, y0, x1, y1 in pixels.
        images: (M, 2): height and width of the image of each.
        labels: (M,): classes.

    Returns:
        Pixels, a multiple of `STEP`, and the reason.
    """
    short = images.min(axis=1)
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)) / short
    small = float(np.percentile(sides, 10))
    medians = [
        float(np.median(of_class))
        for label in np.unique(labels)
        if len(of_class := sides[labels == label]) >= LEAST_COUNT
    ]
    smallest = min(medians, default=float(np.median(sides)))
    wanted = max(SMALL_OBJECT / small, SMALL_CLASS / smallest)
    own = float(np.median(short))
    side = _stepped(max(LEAST, min(wanted, own, MOST)))
    return side, (
        f"of {own:.0f}: the smallest tenth of the objects then keeps up to {small * side:.0f} "
        f"pixels, half of the smallest class up to {smallest * side:.0f}"
    )


def longest_side(images: Floats, side: int) -> int:
    """Choose the limit of the longer side: three quarters of all images keep their shape."""
    shapes = images.max(axis=1) / images.min(axis=1)
    return _stepped(side * max(4 / 3, min(3.0, float(np.percentile(shapes, 75)))))


def segmentation_sizes(short_side: float) -> tuple[int, int]:
    """The shorter side of tested images, 0 for their own, and the side of training's squares.

    Args:
        short_side: Shorter side of the images, in pixels.
    """
    reduced = SEGMENTED if short_side > 1.25 * SEGMENTED else 0
    side = reduced or short_side
    return reduced, max(64, STEP * math.floor(CROP_SHARE * side / STEP))


def classification_side(short_side: float, *, most: int) -> int:
    """The largest of `CLASSIFIED` that images fill, and at most `most`."""
    fitting = [side for side in CLASSIFIED if side <= min(short_side, most)]
    return fitting[-1] if fitting else CLASSIFIED[0]


def _stepped(side: float) -> int:
    return STEP * math.ceil(side / STEP)
