"""Steps of the reference from one float map to another: means, resizing, pooling, channels to
pixels."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from groupnet_det.packed.steps.conv import ONE_PIXEL
from groupnet_det.packed.steps.float_maps import (
    DepthToSpace,
    Interpolate,
    MaxPool,
    Mean,
    Resize,
    Upsampling,
)
from groupnet_det.packed.steps.parts import Pool

from .exact_fma import fma


class StepMaps(Protocol):
    """The maps that a step may read.

    Attributes:
        buffers: Contents (N, H, W, C) by the number of the buffer.
        canvas: Height and width of the canvas.
    """

    buffers: dict[int, Tensor]
    canvas: tuple[int, int]


def averaged(x: Tensor) -> Tensor:
    """The mean of the pixels, added in their order; (N, H, W, C) -> (N, 1, 1, C)."""
    total = torch.zeros_like(x[:, 0, 0])
    for pixel in x.flatten(1, 2).unbind(1):
        total = total + pixel
    share = torch.tensor(1 / (x.shape[1] * x.shape[2]), dtype=torch.float32)
    return (total * share)[:, None, None]


def resized(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """Bilinear; the value at (i, j) stands at (`factor` i, `factor` j).

    Args:
        x: float32 (N, H, W, C).
        height, width: At most `factor` H and `factor` W.

    Returns:
        (N, `height`, `width`, C).
    """
    # What is read from two columns is the same for each row of the result.
    return _lerped(_lerped(x, 2, torch.arange(width), factor), 1, torch.arange(height), factor)


def interpolated(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """Bilinear; the value at (i, j) stands at the centre of the `factor` x `factor` pixels from
    (`factor` i, `factor` j) on. Arguments and result as of `resized`."""
    rows, columns = (_centers(factor, size) for size in (height, width))
    return _lerped(_lerped(x, 2, columns, 2 * factor), 1, rows, 2 * factor)


def _centers(factor: int, size: int) -> Tensor:
    """Positions of the result's pixels, in parts of which 2 `factor` are one pixel of the map."""
    return (2 * torch.arange(size) + 1 - factor).clamp(min=0)


def _lerped(x: Tensor, dim: int, place: Tensor, parts: int) -> Tensor:
    """Values at `place` along a dimension, where `parts` are one pixel of the map."""
    first = place // parts
    second = (first + 1).clamp(max=x.shape[dim] - 1)
    share = (place % parts).to(torch.float32) / parts
    a, b = x.index_select(dim, first), x.index_select(dim, second)
    return fma(b - a, share.view([-1 if i == dim else 1 for i in range(4)]), a)


def max_pooled(x: Tensor, pool: Pool) -> Tensor:
    """The greatest value inside of each window, as ``a > b ? a : b`` finds it row by row.

    Args:
        x: float32 (N, H, W, C).

    Returns:
        (N, H', W', C).
    """
    height, width = (
        (x.shape[i] + 2 * pool.padding - pool.kernel) // pool.stride + 1 for i in (1, 2)
    )
    greatest = x.new_zeros((x.shape[0], height, width, x.shape[3]))
    met = torch.zeros((height, width, 1), dtype=torch.bool)
    for row in range(pool.kernel):
        for column in range(pool.kernel):
            top, inside_rows = _places(height, row, pool, x.shape[1])
            left, inside_columns = _places(width, column, pool, x.shape[2])
            inside = inside_rows[:, None, None] & inside_columns[:, None]
            value = x.index_select(1, top).index_select(2, left)
            greatest = torch.where(inside & (~met | (value > greatest)), value, greatest)
            met |= inside
    return greatest


def _places(size: int, offset: int, pool: Pool, side: int) -> tuple[Tensor, Tensor]:
    """Positions that each window reads, and whether they are inside; others read the edge."""
    place = torch.arange(size) * pool.stride - pool.padding + offset
    return place.clamp(0, side - 1), (place >= 0) & (place < side)


def spread(x: Tensor, factor: int) -> Tensor:
    """`factor` x `factor` groups of channels as so many pixels; float32 (N, H, W, f f C)."""
    images, height, width, channels = x.shape
    groups = x.view(images, height, width, factor, factor, channels // factor**2)
    return groups.permute(0, 1, 3, 2, 4, 5).reshape(images, height * factor, width * factor, -1)


def nearest(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """The residual (N, H, W, C) of a map of `height` x `width`, with its ``residual_factor``."""
    if factor == ONE_PIXEL:
        return x
    return x[:, torch.arange(height) // factor][:, :, torch.arange(width) // factor]


def _target_size(step: Upsampling, maps: StepMaps) -> tuple[int, int]:
    """Height and width of the result."""
    if step.like is None:
        return maps.canvas
    height, width = maps.buffers[step.like].shape[1:3]
    return height, width


# From a step, and the maps so far, to what it writes.
FLOAT_STEPS: dict[type, Callable[[Any, StepMaps], Tensor]] = {
    Mean: lambda step, maps: averaged(maps.buffers[step.input]),
    Resize: lambda step, maps: resized(
        maps.buffers[step.input], step.factor, *_target_size(step, maps)
    ),
    Interpolate: lambda step, maps: interpolated(
        maps.buffers[step.input], step.factor, *_target_size(step, maps)
    ),
    MaxPool: lambda step, maps: max_pooled(maps.buffers[step.input], step.pool),
    DepthToSpace: lambda step, maps: spread(maps.buffers[step.input], step.factor),
}
