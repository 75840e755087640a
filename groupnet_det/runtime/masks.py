"""Masks of regions as masks of the image."""

import torch
import torch.nn.functional as F
from torch import Tensor


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], *, threshold: float) -> Tensor:
    """Stretch each mask over its box, bilinearly between the centres of its pixels.

    Args:
        masks: Probabilities (R, M, M); outside of a mask they are 0.
        boxes: (R, 4) in pixels of the image.
        size: Height and width of the image.
        threshold: Where a pixel is part of the object.

    Returns:
        bool (R, *size).
    """
    pasted = torch.zeros(len(masks), *size, dtype=torch.bool)
    for mask, box, out in zip(masks, boxes, pasted, strict=True):
        # A pixel around the box, where the outermost values fade out.
        left, top = (max(int(value) - 1, 0) for value in box[:2].floor().tolist())
        right = min(int(box[2].ceil()) + 1, size[1])
        bottom = min(int(box[3].ceil()) + 1, size[0])
        if right <= left or bottom <= top:
            continue
        columns = _positions(left, right, box[0], box[2])
        rows = _positions(top, bottom, box[1], box[3])
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
        values = F.grid_sample(mask[None, None], grid[None], align_corners=False)
        out[top:bottom, left:right] = values[0, 0] >= threshold
    return pasted


def _positions(first: int, end: int, low: Tensor, high: Tensor) -> Tensor:
    """Centres of pixels between `low` and `high`, as numbers between -1 and 1."""
    centres = torch.arange(first, end, dtype=torch.float32) + 0.5
    return (centres - low) / (high - low) * 2 - 1
