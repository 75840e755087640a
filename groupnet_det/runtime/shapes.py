"""Sizes of all maps of a program, which follow from those of the images."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError

from .program import Branch, Conv, Mean, Program, Stem, Term

MAX_ELEMENTS = 2**31 - 1

# (N, H, W, C), or (N, H, W) where the channels are known.
Shape = tuple[int, ...]


def check_images(images: Tensor, channels: int) -> None:
    """
    Raises:
        DataError: `images` is not uint8 (N, H, W, `channels`) with at least one pixel.
    """
    expected = f"expected is a uint8 tensor of shape (N, H, W, {channels})"
    if not isinstance(images, Tensor):
        raise DataError(f"images are a {type(images).__name__}; {expected}")
    if images.dtype != torch.uint8:
        raise DataError(f"images have the type {images.dtype}; {expected}, values 0 to 255")
    if images.dim() != 4 or images.shape[3] != channels:
        raise DataError(f"images have the shape {tuple(images.shape)}; {expected}")
    if not images.numel():
        raise DataError(f"images of shape {tuple(images.shape)} hold no pixel; {expected}")
    _check_size(tuple(images.shape), "the images")


def buffer_shapes(program: Program, tensors: Mapping[str, Tensor], images: Shape) -> list[Shape]:
    """Shape of each buffer; (0, 0, 0, C) for one that is never written.

    Args:
        program, tensors: A valid program.
        images: (N, H, W, C).

    Raises:
        DataError: The images are too small, or a map would have more than 2^31 - 1 elements.
        PackedFileError: Maps that are added, or put into one buffer, have different sizes.
    """
    shapes: list[Shape] = [(0, 0, 0, buffer.channels) for buffer in program.buffers]
    for step in program.steps:
        out = _step_shape(step, shapes, tensors, images)
        for buffer in _written(step):
            shape = (*out, program.buffers[buffer].channels)
            if shapes[buffer][0] and shapes[buffer] != shape:
                raise PackedFileError(
                    f"step {step.name!r} writes {shape} to buffer {buffer}, whose shape is "
                    f"{shapes[buffer]}"
                )
            shapes[buffer] = shape
    return shapes


def out_size(size: int, *, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Positions of a convolution or pooling along one side, 0 where it does not fit."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room // stride + 1 if room >= 0 else 0


def _written(step: Stem | Conv | Mean) -> Iterator[int]:
    if isinstance(step, Mean):
        yield step.output
    elif isinstance(step, Stem):
        yield from step.sinks.buffers()
    else:
        for sinks in step.sinks():
            yield from sinks.buffers()


def _step_shape(
    step: Stem | Conv | Mean, shapes: list[Shape], tensors: Mapping[str, Tensor], images: Shape
) -> Shape:
    if isinstance(step, Mean):
        return (images[0], 1, 1)
    if isinstance(step, Stem):
        return _stem_shape(step, tensors, images)
    of_branches = {_branch_shape(step.name, b, shapes, tensors) for b in step.branches}
    return _only(of_branches, step.name)


def _stem_shape(step: Stem, tensors: Mapping[str, Tensor], images: Shape) -> Shape:
    weight = tensors[step.weight].shape
    sides = [
        out_size(size, kernel=kernel, stride=step.stride, padding=step.padding)
        for size, kernel in zip(images[1:3], weight[1:3], strict=True)
    ]
    shape = _checked((images[0], *sides, weight[0]), images[1:3], step.name)
    if step.pool:
        pool = step.pool
        sides = [
            out_size(size, kernel=pool.kernel, stride=pool.stride, padding=pool.padding)
            for size in shape[1:3]
        ]
        shape = _checked((images[0], *sides, weight[0]), shape[1:3], step.name)
    return shape[:3]


def _branch_shape(
    name: str, branch: Branch, shapes: list[Shape], tensors: Mapping[str, Tensor]
) -> Shape:
    of_terms = {_term_shape(name, term, shapes, tensors) for term in branch.terms}
    of_residual = set() if branch.residual is None else {shapes[branch.residual][:3]}
    return _only(of_terms | of_residual, name)


def _term_shape(name: str, term: Term, shapes: list[Shape], tensors: Mapping[str, Tensor]) -> Shape:
    weight, source = tensors[term.weight].shape, shapes[term.input]
    sides = [
        out_size(
            size, kernel=kernel, stride=term.stride, padding=term.padding, dilation=term.dilation
        )
        for size, kernel in zip(source[1:3], weight[1:3], strict=True)
    ]
    return _checked((source[0], *sides, weight[0]), source[1:3], name)[:3]


def _only(shapes: set[Shape], name: str) -> Shape:
    if len(shapes) > 1:
        raise PackedFileError(f"step {name!r} adds maps of different sizes {sorted(shapes)}")
    return shapes.pop()


def _checked(shape: Shape, source: Shape, name: str) -> Shape:
    if not all(shape):
        raise DataError(
            f"the images are too small: step {name!r} does not fit on its input of "
            f"{source[0]} x {source[1]} pixels"
        )
    _check_size(shape, f"the result of step {name!r}")
    return shape


def _check_size(shape: Shape, what: str) -> None:
    elements = 1
    for size in shape:
        elements *= size
    if elements > MAX_ELEMENTS:
        raise DataError(
            f"{what} would have the shape {tuple(shape)}, more than {MAX_ELEMENTS} elements; take "
            "smaller images, or fewer at a time"
        )
