"""Sizes of all maps of a program, which follow from those of the images."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError

from .program import (
    ONE_PIXEL,
    Branch,
    Conv,
    DepthToSpace,
    Input,
    MaxPool,
    Mean,
    Pool,
    Program,
    Stem,
    Term,
    Upsampling,
)

MAX_ELEMENTS = 2**31 - 1
BLOCK = 16  # engines hold channels in whole blocks of so many
IMAGE_CHANNELS = 2  # beside its own that count for an image: the stem's, and room to read pairs

# (N, H, W, C), or (N, H, W) where the channels are known.
Shape = tuple[int, ...]


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
    return _divided_up(images[1], divisor) * divisor, _divided_up(images[2], divisor) * divisor


def buffer_shapes(program: Program, tensors: Mapping[str, Tensor], given: Shape) -> list[Shape]:
    """Shape of each buffer; (0, 0, 0, C) for one that is never written.

    `csrc/core/plan/shapes.cpp` infers the same in C++.

    Args:
        program, tensors: A valid program, or a part of one.
        given: (N, H, W, C) of the images, or of the maps that a part is given.

    Raises:
        DataError: The images are too small, or a map would have more than 2^31 - 1 elements.
        PackedFileError: Maps that are added, or put into one buffer, have different sizes, or a map
            is to be resized to more than the factor says.
    """
    sizes = _Sizes(program, tensors, given)
    for step in program.steps:
        out: Shape = getattr(sizes, step.op)(step)
        for buffer in step.writes():
            sizes.write(buffer, out, step.name)
    sizes.check_borders()
    return sizes.shapes


def out_size(size: int, *, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Positions of a convolution or pooling along one side, 0 where it does not fit."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room // stride + 1 if room >= 0 else 0


class _Sizes:
    """Shapes so far, and how steps go on from them; a step's shape is (N, H, W)."""

    def __init__(self, program: Program, tensors: Mapping[str, Tensor], given: Shape) -> None:
        self.program, self.tensors = program, tensors
        self.given = (given[0], *canvas_size(given, program.size_divisor), given[3])
        self.check_canvas("the canvas of the images", border=0)
        self.shapes: list[Shape] = [(0, 0, 0, buffer.channels) for buffer in program.buffers]
        self.borders = [0] * len(self.shapes)  # what convolutions read around each

    def check_canvas(self, what: str, *, border: int) -> None:
        images, height, width, channels = self.given
        sides = (height + 2 * border, width + 2 * border)
        _check_size((images, *sides, channels + IMAGE_CHANNELS), what)

    def check_borders(self) -> None:
        for number, (images, height, width, channels) in enumerate(self.shapes):
            if images:
                border = 2 * self.borders[number]
                shape = (images, height + border, width + border, channels)
                _check_size(_in_blocks(shape), f"buffer {number} with its border")

    def write(self, buffer: int, size: Shape, name: str) -> None:
        shape = (*size, self.program.buffers[buffer].channels)
        if self.shapes[buffer][0] and self.shapes[buffer] != shape:
            raise PackedFileError(
                f"step {name!r} writes {shape} to buffer {buffer}, whose shape is "
                f"{self.shapes[buffer]}"
            )
        self.shapes[buffer] = shape

    def stem(self, step: Stem) -> Shape:
        self.check_canvas(f"the canvas of step {step.name!r} with its border", border=step.padding)
        weight = self.tensors[step.weight].shape
        sides = [
            out_size(size, kernel=kernel, stride=step.stride, padding=step.padding)
            for size, kernel in zip(self.given[1:3], weight[1:3], strict=True)
        ]
        shape = _checked((self.given[0], *sides, weight[0]), self.given[1:3], step.name)
        return _pooled(shape, step.pool, step.name) if step.pool else shape[:3]

    def input(self, step: Input) -> Shape:
        return self.given[:3]

    def mean(self, step: Mean) -> Shape:
        return (self.given[0], 1, 1)

    def conv(self, step: Conv) -> Shape:
        return _only({self.branch(step.name, branch) for branch in step.branches}, step.name)

    def branch(self, name: str, branch: Branch) -> Shape:
        shape = _only({self.term(name, term) for term in branch.terms}, name)
        if branch.residual is not None:
            residual, factor = self.shapes[branch.residual][:3], branch.residual_factor
            expected = (shape[0], *(residual_side(side, factor) for side in shape[1:]))
            if residual != expected:
                by = f", each {factor} times," if factor != 1 else ""
                raise PackedFileError(
                    f"step {name!r} adds maps of different sizes: {residual}{by} to {shape}"
                )
        return shape

    def term(self, name: str, term: Term) -> Shape:
        weight, source = self.tensors[term.weight].shape, self.shapes[term.input]
        self.borders[term.input] = max(self.borders[term.input], term.padding)
        options = {"stride": term.stride, "padding": term.padding, "dilation": term.dilation}
        sides = [
            out_size(size, kernel=kernel, **options)
            for size, kernel in zip(source[1:3], weight[1:3], strict=True)
        ]
        return _checked((source[0], *sides, weight[0]), source[1:3], name)[:3]

    def resize(self, step: Upsampling) -> Shape:
        source = self.shapes[step.input]
        target = self.given if step.like is None else self.shapes[step.like]
        if any(target[i] > step.factor * source[i] for i in (1, 2)):
            raise PackedFileError(
                f"step {step.name!r} resizes {source[1]} x {source[2]} pixels to {target[1]} x "
                f"{target[2]}, more than {step.factor} times as many in a row or column"
            )
        return _checked((source[0], *target[1:3], source[3]), source[1:3], step.name)[:3]

    interpolate = resize

    def max_pool(self, step: MaxPool) -> Shape:
        return _pooled(self.shapes[step.input], step.pool, step.name)

    def depth_to_space(self, step: DepthToSpace) -> Shape:
        images, height, width, channels = self.shapes[step.input]
        sides = (step.factor * height, step.factor * width)
        shape = (images, *sides, channels // step.factor**2)
        return _checked(shape, (height, width), step.name)[:3]


def residual_side(side: int, factor: int) -> int:
    """Rows or columns of a residual, of which each stands for `factor`, or for all `ONE_PIXEL`."""
    return 1 if factor == ONE_PIXEL else _divided_up(side, factor)


def _divided_up(value: int, by: int) -> int:
    return -(-value // by)


def _pooled(source: Shape, pool: Pool, name: str) -> Shape:
    sides = [
        out_size(size, kernel=pool.kernel, stride=pool.stride, padding=pool.padding)
        for size in source[1:3]
    ]
    return _checked((source[0], *sides, source[3]), source[1:3], name)[:3]


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
    _check_size(_in_blocks(shape), f"the result of step {name!r}")
    return shape


def _in_blocks(shape: Shape) -> Shape:
    """With the channels that are held in memory."""
    return (*shape[:-1], _divided_up(shape[-1], BLOCK) * BLOCK)


def _check_size(shape: Shape, what: str) -> None:
    if math.prod(shape) > MAX_ELEMENTS:
        raise DataError(
            f"{what} would have the shape {tuple(shape)}, more than {MAX_ELEMENTS} elements; take "
            "smaller images, or fewer at a time"
        )


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
    _check_size(tuple(given.shape), f"the {what}")
