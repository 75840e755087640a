"""Preparation of images for detectors and segmenters: resize by the shortest edge, bytes."""

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError, shortened
from groupnet_det.images.decoding import CHANNEL_ORDERS
from groupnet_det.images.reading import AnyImage, ordered, read_image

KIND = "shortest_edge"
MAX_PIXELS = 1 << 28  # of a prepared image


@dataclass(frozen=True, kw_only=True)
class ShortestEdge:
    """The shorter side to `min_size` pixels, or less where the longer would exceed `max_size`: as
    Detectron2's ``ResizeShortestEdge`` does for evaluation.

    The bits are those of Pillow before 13, whatever Pillow is installed: rows first, then columns.
    Newer ones take the other order for some images that are much taller than wide, and
    docs/use/c-api.md fixes one.

    Attributes:
        kind: ``shortest_edge``.
        min_size: Pixels; 0 leaves the image as it is.
        max_size: Pixels; 0 for no limit.
        format: Order of the channels that the network was trained with, ``RGB`` or ``BGR``.
    """

    kind: str = KIND
    min_size: int
    max_size: int
    format: str

    def __post_init__(self) -> None:
        """
        Raises:
            PackedFileError: A member has no valid value.
        """
        if self.kind != KIND:
            raise PackedFileError(f"preprocessing.kind is {shortened(self.kind)}; valid: {KIND!r}")
        if min(self.min_size, self.max_size) < 0:
            raise PackedFileError("preprocessing.min_size or max_size is below 0")
        if self.format not in list(CHANNEL_ORDERS):
            raise PackedFileError(
                f"preprocessing.format is {shortened(self.format)}; valid: {list(CHANNEL_ORDERS)}"
            )

    def __call__(self, image: AnyImage) -> tuple[Tensor, tuple[int, int]]:
        """Prepare one image, as of `read_image`.

        Returns:
            uint8 (1, H, W, 3), channels in the order of `format`; height and width of the image
            itself.

        Raises:
            DataError: The image cannot be used.
        """
        pixels = read_image(image, least_side=sys.maxsize >> 32)  # never a smaller one
        own = pixels.shape[0], pixels.shape[1]
        height, width = self.resized(*own)
        if height * width > MAX_PIXELS:
            raise DataError(f"the image of {own[1]} x {own[0]} pixels {self._too_large()}")
        if (height, width) != own:
            narrow = Image.fromarray(pixels).resize((width, own[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR))
        return ordered(pixels, self.format), own

    def _too_large(self) -> str:
        if self.min_size == 0:
            return "has more than 2^28 pixels; make it smaller"
        return "would have more than 2^28 pixels once it is resized"

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that an image of that size gets."""
        if self.min_size == 0:
            return height, width
        scale = self.min_size / min(height, width)
        if self.max_size and scale * max(height, width) > self.max_size:
            sides = _limited(scale * height, scale * width, self.max_size)
        else:
            sides = scale * height, scale * width
        return max(1, int(sides[0] + 0.5)), max(1, int(sides[1] + 0.5))


def _limited(height: float, width: float, most: int) -> tuple[float, float]:
    scale = most / max(height, width)
    return height * scale, width * scale
