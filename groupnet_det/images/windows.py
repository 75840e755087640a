"""Sliding windows that cover an image."""

import itertools
import math
from collections.abc import Iterator, Sequence


def windows(
    size: Sequence[int], window: Sequence[int], stride: Sequence[int]
) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of all windows, row by row; the last ones are moved inwards to fit.

    Args:
        size: Height and width of the image.
        window: Height and width of a window; at most those of the image.
        stride: Pixels between two windows, down and to the right.
    """
    axes = []
    for side, length, step in zip(size, window, stride, strict=True):
        number = 1 + max(0, math.ceil((side - length) / step))
        starts = [min(index * step, max(side - length, 0)) for index in range(number)]
        axes.append([slice(start, start + min(length, side)) for start in starts])
    yield from itertools.product(*axes)
