"""Sizes of maps so far, and the checks that each size which follows from others goes through."""

import math
from collections.abc import Sequence

from groupnet_det.errors import DataError, PackedFileError
from groupnet_det.packed.limits import MAX_ELEMENTS

from .parts import Buffer, Pool

BLOCK = 16  # engines hold channels in whole blocks of so many
IMAGE_CHANNELS = 2  # beside its own that count for an image: the stem's, and room to read pairs

# (N, H, W, C), or (N, H, W) where the channels are known.
Shape = tuple[int, ...]


class Sizes:
    """Shapes so far, and how steps go on from them; a step's shape is (N, H, W).

    Attributes:
        given: (N, H, W, C) of the canvas, or of the map that a part is given.
        weights: Shape of each tensor, by name.
        shapes: Shapes of each buffer; (0, 0, 0, C) for one that is not written yet.
    """

    def __init__(self, buffers: Sequence[Buffer], weights: dict[str, Shape], given: Shape) -> None:
        self.given, self.weights = given, weights
        self.check_canvas("the canvas of the images", border=0)
        self.shapes: list[Shape] = [(0, 0, 0, buffer.channels) for buffer in buffers]
        self._borders = [0] * len(self.shapes)  # what convolutions read around each

    def check_canvas(self, what: str, *, border: int) -> None:
        images, height, width, channels = self.given
        sides = (height + 2 * border, width + 2 * border)
        check_size((images, *sides, channels + IMAGE_CHANNELS), what)

    def check_borders(self) -> None:
        for number, (images, height, width, channels) in enumerate(self.shapes):
            if images:
                border = 2 * self._borders[number]
                shape = (images, height + border, width + border, channels)
                check_size(_in_blocks(shape), f"buffer {number} with its border")

    def need_border(self, buffer: int, border: int) -> None:
        """Require that a convolution can read this many pixels around a buffer."""
        self._borders[buffer] = max(self._borders[buffer], border)

    def write(self, buffer: int, size: Shape, name: str) -> None:
        shape = (*size, self.shapes[buffer][3])
        if self.shapes[buffer][0] and self.shapes[buffer] != shape:
            raise PackedFileError(
                f"step {name!r} writes {shape} to buffer {buffer}, whose shape is "
                f"{self.shapes[buffer]}"
            )
        self.shapes[buffer] = shape


def pooled(source: Shape, pool: Pool, name: str) -> Shape:
    """(N, H', W') of the map that the step `name` pools, (N, H, W, C)."""
    sides = [
        out_size(size, kernel=pool.kernel, stride=pool.stride, padding=pool.padding)
        for size in source[1:3]
    ]
    return checked((source[0], *sides, source[3]), source[1:3], name)[:3]


def out_size(size: int, *, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Positions of a convolution or pooling along one side, 0 where it does not fit."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room // stride + 1 if room >= 0 else 0


def checked(shape: Shape, source: Shape, name: str) -> Shape:
    """`shape`, (N, H, W, C), which the step `name` makes of a map of (H, W).

    Raises:
        DataError: It is empty, or too large.
    """
    if not all(shape):
        raise DataError(
            f"the images are too small: step {name!r} does not fit on its input of "
            f"{source[0]} x {source[1]} pixels"
        )
    check_size(_in_blocks(shape), f"the result of step {name!r}")
    return shape


def check_size(shape: Shape, what: str) -> None:
    """
    Raises:
        DataError: `shape` has more than `MAX_ELEMENTS` elements.
    """
    if math.prod(shape) > MAX_ELEMENTS:
        raise DataError(
            f"{what} would have the shape {tuple(shape)}, more than {MAX_ELEMENTS} elements; take "
            "smaller images, or fewer at a time"
        )


def divided_up(value: int, by: int) -> int:
    """The quotient, rounded up."""
    return -(-value // by)


def _in_blocks(shape: Shape) -> Shape:
    """The shape with the channels that are held in memory."""
    return (*shape[:-1], divided_up(shape[-1], BLOCK) * BLOCK)
