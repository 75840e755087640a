"""Limits of packed files, and the check that a number is within one."""

import torch

from groupnet_det.errors import PackedFileError

MAX_CHANNELS = 65536
MAX_GEOMETRY = 4096  # of kernels, strides, paddings, dilations
MAX_PIXEL = 255
MAX_ELEMENTS = 2**31 - 1  # of a map


def in_range(value: float, least: int, most: int, what: str) -> None:
    """
    Raises:
        PackedFileError: `value`, called `what`, is not.
    """
    if not least <= value <= most:
        raise PackedFileError(f"{what} is {value}; valid: {least} to {most}")


def is_float32(value: float) -> bool:
    """Whether float32 holds it exactly. Infinity and NaN are none of JSON's numbers."""
    return bool(torch.tensor(value, dtype=torch.float32).double().sub(value).eq(0))
