"""Preparation of images for classifiers: resize, crop the center, bytes."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from groupnet_det.errors import DataError, PackedFileError, shortened
from groupnet_det.images.decoding import CHANNEL_ORDERS, TEST_OVERSAMPLING, center_crop_transform
from groupnet_det.images.reading import AnyImage, ordered, read_image

KIND = "classification"
MAX_SIDE = 16384
MAX_RESIZED = 1 << 28  # pixels, before the square is cut out


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The shorter side to `resize` pixels, then the square of `crop` pixels at the centre.

    The same pixels as `groupnet_det.data.loading.classification_mapper` gives for evaluation.

    Attributes:
        kind: ``classification``.
        resize: Pixels.
        crop: Pixels, at most `resize`.
        format: Order of the channels that the network was trained with, ``RGB`` or ``BGR``.
    """

    kind: str = KIND
    resize: int
    crop: int
    format: str

    def __post_init__(self) -> None:
        """
        Raises:
            PackedFileError: A member has no valid value.
        """
        if self.kind != KIND:
            raise PackedFileError(f"preprocessing.kind is {shortened(self.kind)}; valid: {KIND!r}")
        for name in ("resize", "crop"):
            if type(getattr(self, name)) is not int:
                raise PackedFileError(f"preprocessing.{name} is not a whole number")
        if not 1 <= self.crop <= self.resize <= MAX_SIDE:
            raise PackedFileError(
                f"preprocessing has crop {self.crop} and resize {self.resize}; valid: "
                f"1 <= crop <= resize <= {MAX_SIDE}"
            )
        if self.format not in list(CHANNEL_ORDERS):
            raise PackedFileError(
                f"preprocessing.format is {shortened(self.format)}; valid: {list(CHANNEL_ORDERS)}"
            )

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing of a packed file's ``info``.

        Raises:
            PackedFileError: It is missing or not valid.
        """
        members = info.get("preprocessing")
        names = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(members, dict) or set(members) != names:
            raise PackedFileError(f"info.preprocessing does not have the members {sorted(names)}")
        return cls(**members)

    def __call__(self, image: AnyImage) -> Tensor:
        """Prepare one image, as of `read_image`; large JPEG files are decoded to a smaller size
        first, as in evaluation.

        Returns:
            uint8 (1, crop, crop, 3), channels in the order of `format`.

        Raises:
            DataError: The image cannot be used.
        """
        pixels = read_image(image, least_side=TEST_OVERSAMPLING * self.resize)
        height, width = pixels.shape[:2]
        if self.resize**2 * max(height, width) > MAX_RESIZED * min(height, width):
            raise DataError(f"the image of {width} x {height} pixels is too narrow to be resized")
        transform = center_crop_transform(resize=self.resize, crop=self.crop)
        return ordered(np.asarray(transform(Image.fromarray(pixels))), self.format)
