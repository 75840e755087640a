"""Label map of a segmenter's logits, with the same bits as the engine's."""

import math

import torch
from torch import Tensor

Size = tuple[int, int]  # height, width


def label_map(logits: Tensor, size: Size) -> Tensor:
    """The number of the greatest channel at each pixel, the first of several; NaN counts as -inf.

    Operation by operation as docs/use/c-api.md has it, so that each machine and the C++ engine give
    the same bits.

    Args:
        logits: float32 (1, H, W, C), resized bilinearly where `size` is another one.
        size: Height and width of the result.

    Returns:
        int64 `size`.
    """
    values = logits[0]
    if logits.shape[1:3] != size:
        for dim in (1, 0):
            values = _resized(values, dim, size[dim])
    return values.nan_to_num(-math.inf, math.inf, -math.inf).argmax(dim=2)


def _resized(values: Tensor, dim: int, outputs: int) -> Tensor:
    """Resize like PyTorch's ``interpolate`` without `align_corners`, along one dimension."""
    inputs = values.shape[dim]
    place = (torch.arange(outputs, dtype=torch.float64) + 0.5) * (inputs / outputs) - 0.5
    place = place.clamp(min=0)
    low = place.long().clamp(max=inputs - 1)
    high = (low + 1).clamp(max=inputs - 1)
    share = (place - low).float().reshape(-1, *[1] * (values.dim() - 1 - dim))
    return values.index_select(dim, low) * (1 - share) + values.index_select(dim, high) * share
