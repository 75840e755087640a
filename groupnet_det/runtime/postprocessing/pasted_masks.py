"""Masks of regions as masks of the image."""

import numpy as np
import torch
from torch import Tensor


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], *, threshold: float) -> Tensor:
    """Stretch each mask over its box, bilinearly between the centres of its pixels.

    In this thread alone, by numpy: see `maps`.

    Args:
        masks: Probabilities (R, M, M); outside of a mask they are 0.
        boxes: (R, 4) in pixels of the image.
        size: Height and width of the image.
        threshold: Where a pixel is part of the object.

    Returns:
        bool (R, *size).
    """
    pasted = np.zeros((len(masks), *size), dtype=bool)
    framed = np.pad(masks.numpy(), ((0, 0), (1, 1), (1, 1)))
    for mask, box, out in zip(framed, boxes.numpy(), pasted, strict=True):
        # A pixel around the box, where the outermost values fade out.
        left, top = np.maximum(np.floor(box[:2]).astype(int) - 1, 0)
        right, bottom = np.minimum(np.ceil(box[2:]).astype(int) + 1, size[::-1])
        if right <= left or bottom <= top:
            continue
        rows = _between(mask, _centres(top, bottom), box[1], box[3])
        values = _between(rows.T, _centres(left, right), box[0], box[2]).T
        out[top:bottom, left:right] = values >= threshold
    return torch.from_numpy(pasted)


def _centres(first: int, end: int) -> np.ndarray:
    """The centres of pixels."""
    return np.arange(first, end, dtype=np.float32) + np.float32(0.5)


def _between(values: np.ndarray, centres: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rows of a mask with a frame of zeros, (M + 2, N), stretched from `low` to `high`, where
    `centres` (P,) are: (P, N)."""
    last = len(values) - 1
    position = (centres - low) / (high - low) * (last - 1) + np.float32(0.5)
    position = np.clip(position, 0, last)
    before = np.minimum(position.astype(np.int64), last - 1)
    share = (position - before).astype(np.float32)[:, None]
    return (1 - share) * values[before] + share * values[before + 1]
