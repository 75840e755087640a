"""Convolutions of the reference: sums whose order is free, and sums whose order is not."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from .exact_fma import fma

# Elements that a convolution of floats works on at a time: they stay in the cache, and torch takes
# one thread for them, as more only wait for each other.
CHUNK = 1 << 14


def padded(x: Tensor, padding: int, value: float) -> Tensor:
    return F.pad(x, (0, 0, padding, padding, padding, padding), value=value) if padding else x


def _positions(
    x: Tensor, weight: Tensor, stride: int, dilation: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each row and column of the kernel: what it reads (N, H, W, C_in), (C_out, C_in)."""
    height, width = (
        x.shape[i] - dilation * (weight.shape[i] - 1) for i in (1, 2)
    )  # of the corners that the kernel's first position may have
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            top, left = row * dilation, column * dilation
            part = x[:, top : top + height : stride, left : left + width : stride]
            yield part, weight[:, row, column]


def sum_of_products(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Convolution of whole numbers whose partial sums are exact, so that their order is free."""
    total = torch.zeros(())
    for part, row in _positions(x, weight, stride, dilation):
        product = part.reshape(-1, part.shape[3]) @ row.T
        total = product.view(*part.shape[:3], -1).add_(total)
    return total


def sum_of_fma(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Convolution of floats, over rows, columns and channels in this order."""
    return torch.stack([_sum_of_fma_of_one(one[None], weight, stride, dilation) for one in x])


def _sum_of_fma_of_one(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """(1, H, W, C_in) -> (H, W, C_out)."""
    read = list(_positions(x, weight, stride, dilation))
    height, width = read[0][0].shape[1:3]
    parts = [(part.reshape(height * width, -1), row.T) for part, row in read]
    at_once = max(1, CHUNK // len(weight))
    sums = []
    for start in range(0, height * width, at_once):
        total = torch.zeros(())
        for part, rows in parts:
            pixels = part[start : start + at_once, :, None]
            for pixel, row in zip(pixels.unbind(1), rows, strict=True):
                total = fma(pixel, row, total)
        sums.append(total)
    return torch.cat(sums).view(height, width, -1)
