"""Sizes of all maps of a program, which follow from those of the images."""

from collections.abc import Mapping

import torch
from torch import Tensor

from groupnet_det.errors import DataError

from .program import Program
from .steps.sizes import Shape, Sizes, check_size, divided_up


def check_images(images: Tensor, channels: int) -> None:
    """
    Raises:
        DataError: `images` is not uint8 (N, H, W, `channels`) with at least one pixel.
    """
    _check_given(images, channels, torch.uint8, "images", "uint8", ", values 0 to 255")


def check_maps(maps: Tensor, channels: int) -> None:
    """
    Raises:
        DataError: `maps`, for a part, are not float32 (N, H, W, `channels`) with at least one
            pixel.
    """
    _check_given(maps, channels, torch.float32, "maps", "float32", "")


def canvas_size(images: Shape, divisor: int) -> tuple[int, int]:
    """Height and width of images (N, H, W, ...), rounded up to multiples of `divisor`."""
    return divided_up(images[1], divisor) * divisor, divided_up(images[2], divisor) * divisor


def buffer_shapes(program: Program, tensors: Mapping[str, Tensor], given: Shape) -> list[Shape]:
    """Shape of each buffer; (0, 0, 0, C) for one that is never written.

    `csrc/core/plan/shapes.cpp` and the steps of `csrc/core/ops` infer the same in C++.

    Args:
        program, tensors: A valid program, or a part of one.
        given: (N, H, W, C) of the images, or of the maps that a part is given.

    Raises:
        DataError: The images are too small, or a map would have more than 2^31 - 1 elements.
        PackedFileError: Maps that are added, or put into one buffer, have different sizes, or a map
            is to be resized to more than the factor says.
    """
    canvas = (given[0], *canvas_size(given, program.size_divisor), given[3])
    weights = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    sizes = Sizes(program.buffers, weights, canvas)
    for step in program.steps:
        out = step.size(sizes)
        for buffer in step.writes():
            sizes.write(buffer, out, step.name)
    sizes.check_borders()
    return sizes.shapes


def _check_given(
    given: Tensor, channels: int, dtype: torch.dtype, what: str, kind: str, values: str
) -> None:
    expected = f"expected is a {kind} tensor of shape (N, H, W, {channels})"
    if not isinstance(given, Tensor):
        raise DataError(f"{what} are of the type {type(given).__name__}; {expected}")
    if given.dtype != dtype:
        raise DataError(f"{what} have the type {given.dtype}; {expected}{values}")
    if given.dim() != 4 or given.shape[3] != channels:
        raise DataError(f"{what} have the shape {tuple(given.shape)}; {expected}")
    if not given.numel():
        raise DataError(f"{what} of shape {tuple(given.shape)} hold no pixel; {expected}")
    check_size(tuple(given.shape), f"the {what}")
