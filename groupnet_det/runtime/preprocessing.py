"""From an image of any kind to the bytes that a packed network takes."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from groupnet_det.data.images import (
    CHANNEL_ORDERS,
    TEST_OVERSAMPLING,
    center_crop_transform,
    decode_rgb,
    open_image,
    to_channels,
)
from groupnet_det.errors import DataError, PackedFileError, UserError

# A path, a PIL image, uint8 RGB (H, W, 3) in numpy, or uint8 RGB (3, H, W) in torch.
AnyImage = str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | Tensor

KIND = "classification"
MAX_SIDE = 16384
MAX_RESIZED = 1 << 28  # pixels, before the square is cut out
# Modes of Pillow with more than 8 bits: it would cut values off above 255 without a word.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
EXPECTED = (
    "expected is a path, a PIL image, a uint8 array (H, W, 3) of numpy or a uint8 tensor (3, H, W) "
    "of torch, both RGB"
)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The shorter side to `resize` pixels, then the square of `crop` pixels at the centre.

    The same pixels as `groupnet_det.data.classification_mapper` gives for evaluation.

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
            raise PackedFileError(f"preprocessing.kind is {self.kind!r}; valid: {KIND!r}")
        for name in ("resize", "crop"):
            if type(getattr(self, name)) is not int:
                raise PackedFileError(f"preprocessing.{name} is no whole number")
        if not 1 <= self.crop <= self.resize <= MAX_SIDE:
            raise PackedFileError(
                f"preprocessing has crop {self.crop} and resize {self.resize}; valid: "
                f"1 <= crop <= resize <= {MAX_SIDE}"
            )
        if self.format not in list(CHANNEL_ORDERS):
            raise PackedFileError(
                f"preprocessing.format is {self.format!r}; valid: {list(CHANNEL_ORDERS)}"
            )

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> "Preprocessing":
        """That of a packed file's ``info``.

        Raises:
            PackedFileError: It is absent or not valid.
        """
        members = info.get("preprocessing")
        names = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(members, dict) or set(members) != names:
            raise PackedFileError(f"info.preprocessing does not have the members {sorted(names)}")
        return cls(**members)

    def __call__(self, image: AnyImage) -> Tensor:
        """Prepare one image.

        Args:
            image: One of

                * a path; large JPEG files are decoded to a smaller size first, as in evaluation,
                * a PIL image, of any mode with 8 bits or less a channel,
                * a numpy array, uint8 RGB (H, W, 3),
                * a torch tensor, uint8 RGB (3, H, W).

                Files and PIL images are turned as their EXIF orientation says.

        Returns:
            uint8 (1, crop, crop, 3), channels in the order of `format`.

        Raises:
            DataError: `image` is none of these, has no pixel, or cannot be read.
        """
        pixels = self._read(image)
        height, width = pixels.shape[:2]
        if height * width == 0:
            raise DataError(f"the image has the size {width} x {height}; it holds no pixel")
        if self.resize**2 * max(height, width) > MAX_RESIZED * min(height, width):
            raise DataError(f"the image of {width} x {height} pixels is too narrow to be resized")
        transform = center_crop_transform(resize=self.resize, crop=self.crop)
        resized = to_channels(transform(Image.fromarray(pixels)), CHANNEL_ORDERS[self.format])
        return resized.permute(1, 2, 0).contiguous().unsqueeze(0)

    def _read(self, image: Any) -> NDArray[np.uint8]:
        for kind, read in _READERS.items():
            if isinstance(image, kind):
                return read(image, TEST_OVERSAMPLING * self.resize)
        raise DataError(f"the image is a {type(image).__name__}; {EXPECTED}")


def _read_path(path: str | os.PathLike[str], least_side: int) -> NDArray[np.uint8]:
    name = os.fspath(path)
    try:
        with open_image(name) as image:
            _check_depth(image)
            return decode_rgb(image, least_side)
    except UserError:
        raise
    except Exception as error:  # decoders of rare formats raise what they like
        raise DataError(f"image {name} cannot be read: {error}") from error


def _read_pil(image: Image.Image, _: int) -> NDArray[np.uint8]:
    _check_depth(image)
    try:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception as error:  # as above: a file may be decoded only now
        raise DataError(f"the PIL image of mode {image.mode} cannot be read: {error}") from error


def _read_array(array: NDArray[Any], _: int) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise DataError(f"the array is {array.dtype} of shape {array.shape}; {EXPECTED}")
    return np.ascontiguousarray(array)


def _read_tensor(tensor: Tensor, _: int) -> NDArray[np.uint8]:
    if tensor.dtype != torch.uint8 or tensor.dim() != 3 or tensor.shape[0] != 3:
        raise DataError(f"the tensor is {tensor.dtype} of shape {tuple(tensor.shape)}; {EXPECTED}")
    try:
        return np.ascontiguousarray(tensor.detach().cpu().permute(1, 2, 0).numpy())
    except (RuntimeError, TypeError) as error:  # sparse, on the meta device, ...
        raise DataError(f"the tensor cannot be read: {str(error).splitlines()[0]}") from error


def _check_depth(image: Image.Image) -> None:
    if image.mode in DEEP_MODES:
        raise DataError(
            f"the image {getattr(image, 'filename', '') or ''} has more than 8 bits a pixel (mode "
            f"{image.mode}); scale it to 8 bits, which suit the network's training, before"
        )


_READERS: dict[type, Callable[[Any, int], NDArray[np.uint8]]] = {
    str: _read_path,
    Path: _read_path,
    os.PathLike: _read_path,
    Image.Image: _read_pil,
    np.ndarray: _read_array,
    Tensor: _read_tensor,
}
