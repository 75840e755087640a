"""Anchors and boxes: where the numbers of a detector's maps stand in the image.

Boxes are (..., 4) float32: left, upper, right, lower side in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import clip_boxes_to_image

from groupnet_det.errors import PackedFileError, lookup, shortened
from groupnet_det.packed.limits import MAX_GEOMETRY, in_range
from groupnet_det.runtime.backends.numpy_ops import pick

MAX_FLOAT32 = torch.finfo(torch.float32).max


@dataclass(frozen=True, kw_only=True)
class Anchors:
    """The boxes that deltas start from, as docs/reference/packed-format.md has them.

    Attributes:
        cells: The A anchors of each level, around a corner of a pixel.
        strides: Stride of each level, in pixels.
        offset: Offset of the first position, in strides.
    """

    cells: dict[str, tuple[tuple[float, ...], ...]]
    strides: dict[str, int]
    offset: float

    def __post_init__(self) -> None:
        """
        Raises:
            PackedFileError: A level has no anchor, an anchor no four numbers, or a level no stride.
        """
        if not all(self.cells.values()):
            raise PackedFileError("postprocessing.anchors.cells has a level without anchors")
        if any(len(cell) != 4 for cells in self.cells.values() for cell in cells):
            raise PackedFileError("postprocessing.anchors.cells are not of four numbers each")
        if set(self.cells) != set(self.strides):
            raise PackedFileError("postprocessing.anchors.strides are not those of its cells")
        for stride in self.strides.values():
            in_range(stride, 1, MAX_GEOMETRY, "a stride of postprocessing.anchors")

    def check_levels(self, levels: Sequence[str]) -> None:
        """
        Raises:
            UserError: `levels` are none, or one has no anchors.
        """
        if not levels:
            raise PackedFileError("postprocessing.levels is empty")
        for level in levels:
            lookup(self.cells, level, "a level of postprocessing")

    def number(self, level: str) -> int:
        """A."""
        return len(self.cells[level])

    def at(self, level: str, index: Tensor, width: int) -> Tensor:
        """Anchors by number, (R,) -> (R, 4).

        Args:
            index: ``(row * width + column) * A + anchor``.
            width: Columns of the level.
        """
        cells = torch.tensor(self.cells[level], dtype=torch.float32)
        position = index // len(cells)
        corner = torch.stack([position % width, position // width], dim=1)
        shift = (corner + self.offset) * self.strides[level]
        return pick(cells, index % len(cells)) + shift.repeat(1, 2)


@dataclass(frozen=True, kw_only=True)
class BoxCoding:
    """The meaning of four deltas.

    Attributes:
        kind: ``size``: moved centre and scaled size; ``distances``: to the four sides.
        weights: Weights of x, y, width and height, for ``size``.
        clamp: Greatest logarithm of a scale, for ``size``.
    """

    kind: str
    weights: tuple[float, ...] = ()
    clamp: float = 0.0

    def __post_init__(self) -> None:
        """
        Raises:
            PackedFileError: Unknown `kind`, other than four weights, or a clamp beyond float32.
        """
        if self.kind not in _DECODERS:
            raise PackedFileError(
                f"box_coding.kind is {shortened(self.kind)}; valid: {list(_DECODERS)}"
            )
        if self.kind == "size" and (len(self.weights) != 4 or 0 in self.weights):
            raise PackedFileError(
                f"box_coding.weights are {list(self.weights)}; valid: four, none of them 0"
            )
        if abs(self.clamp) > MAX_FLOAT32:
            raise PackedFileError(f"box_coding.clamp is {self.clamp}, beyond float32")

    def decode(self, deltas: Tensor, boxes: Tensor) -> Tensor:
        """(R, B * 4) deltas on (R, 4) boxes -> (R, B * 4) boxes."""
        number = deltas.shape[1] // 4
        parts = deltas.reshape(-1, number, 4)
        return _DECODERS[self.kind](self, parts, boxes[:, None]).reshape(-1, number * 4)


def _decode_size(coding: BoxCoding, deltas: Tensor, boxes: Tensor) -> Tensor:
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size
    scaled = deltas / torch.tensor(coding.weights)
    centre = scaled[..., :2] * size + centre
    factors = np.exp(scaled[..., 2:].clamp(max=coding.clamp).numpy())  # in this thread, see `maps`
    half = 0.5 * torch.from_numpy(factors) * size
    return torch.cat([centre - half, centre + half], dim=-1)


def _decode_distances(_: BoxCoding, deltas: Tensor, boxes: Tensor) -> Tensor:
    centre = 0.5 * (boxes[..., :2] + boxes[..., 2:])
    size = boxes[..., 2:] - boxes[..., :2]
    distances = deltas.relu() * size.repeat(1, 1, 2)
    return torch.cat([centre - distances[..., :2], centre + distances[..., 2:]], dim=-1)


_DECODERS = {"size": _decode_size, "distances": _decode_distances}


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut (R, B * 4) boxes to an image of (height, width)."""
    return clip_boxes_to_image(boxes.reshape(-1, 4), size).reshape(boxes.shape)


def larger_than(boxes: Tensor, side: float = 0.0) -> Tensor:
    """Indices of the (R, 4) boxes that are wider and higher than `side`."""
    return ((boxes[:, 2:] - boxes[:, :2]) > side).all(dim=1)


def rescale(boxes: Tensor, size: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """(R, 4) boxes of an image of `size` (height, width) as those of one of the size `wanted`, cut
    to it."""
    factors = torch.tensor([wanted[1] / size[1], wanted[0] / size[0]]).repeat(2)
    return clip(boxes * factors, wanted)
