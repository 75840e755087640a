"""Numbers of a packed network's images and outputs, chosen and copied in this thread alone.

PyTorch copies and gathers with all of its threads, sometimes a thousand numbers already, which
takes longer than to copy them in one. Where the engine has threads of its own, in a forked process,
they would also stay awake for milliseconds on the cores that it needs for the next image.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def joined(images: Sequence[Tensor]) -> Tensor:
    """Images (1, H, W, C) of one size, on the CPU, as a batch; a single one is not copied."""
    if len(images) == 1:
        return images[0]
    return torch.from_numpy(np.concatenate([image.numpy() for image in images]))


def flat(values: Tensor) -> Tensor:
    """All numbers of a tensor on the CPU in one row, not copied where they lie so."""
    return torch.from_numpy(np.ascontiguousarray(values.numpy()).reshape(-1))


def pick(values: Tensor, *index: Tensor) -> Tensor:
    """``values[index]`` on the CPU; indices are int64, or one is bool."""
    return torch.from_numpy(values.numpy()[tuple(i.numpy() for i in index)])


def where_above(values: Tensor, bound: float) -> tuple[Tensor, ...]:
    """Indices, one tensor for each dimension, of the values on the CPU that are above a bound."""
    return tuple(torch.from_numpy(i) for i in np.nonzero(values.numpy() > bound))


def sigmoid(values: Tensor) -> Tensor:
    """The sigmoid of float32 on the CPU."""
    with np.errstate(over="ignore"):  # the exponential may be infinite: then this is 0
        return torch.from_numpy(1 / (1 + np.exp(-values.numpy())))


def sqrt(values: Tensor) -> Tensor:
    """The root of float32, none below 0, on the CPU."""
    return torch.from_numpy(np.sqrt(values.numpy()))


def rows_of(values: Tensor, index: Tensor, *, columns: int) -> Tensor:
    """Some rows of a map (1, H, W, A * columns) that is seen as (H * W * A, columns), by number:
    (R,) -> (R, columns)."""
    per_pixel, width = values.shape[3] // columns, values.shape[2]
    pixel = index // per_pixel
    rows = values[0].unflatten(2, (per_pixel, columns))
    return pick(rows, pixel // width, pixel % width, index % per_pixel)
