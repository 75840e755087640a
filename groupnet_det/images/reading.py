"""Reading of paths, PIL images, arrays and tensors as pixels."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from groupnet_det.errors import DataError, UserError

from .decoding import CHANNEL_ORDERS, check_depth, decode_rgb, open_image

# A path, a PIL image, or uint8 grey, RGB or RGBA: (H, W), (H, W, C) in numpy, (C, H, W) in torch.
AnyImage = str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | Tensor

EXPECTED = (
    "expected: a path, a PIL image, or uint8 grey, RGB or RGBA: a NumPy array (H, W), (H, W, 3) or "
    "(H, W, 4), or a torch tensor (H, W), (3, H, W) or (4, H, W)"
)


def read_image(image: AnyImage, *, least_side: int) -> NDArray[np.uint8]:
    """Read an image as uint8 RGB (H, W, 3).

    Args:
        image: One of

            * a path,
            * a PIL image of any mode with up to 8 bits per channel,
            * a numpy array, uint8: RGB (H, W, 3), RGBA (H, W, 4), or grey (H, W) or (H, W, 1),
            * a torch tensor, uint8, of the same with the channels first.

            The EXIF orientation of files and PIL images is applied; alpha is dropped.
        least_side: Pixels. A JPEG file may be decoded to a smaller size if both sides keep at least
            this many.

    Raises:
        DataError: `image` is none of these, has no pixels, or cannot be read.
    """
    for kind, read in _READERS.items():
        if isinstance(image, kind):
            pixels = read(image, least_side)
            height, width = pixels.shape[:2]
            if height * width == 0:
                raise DataError(f"the image has the size {width} x {height}; it holds no pixel")
            return pixels
    raise DataError(f"the image is of the type {type(image).__name__}; {EXPECTED}")


def ordered(pixels: NDArray[np.uint8], channel_format: str) -> Tensor:
    """Convert RGB (H, W, 3) to uint8 (1, H, W, 3) in a channel order of `CHANNEL_ORDERS`."""
    result = np.empty(pixels.shape, np.uint8)
    for number, channel in enumerate(CHANNEL_ORDERS[channel_format]):  # the fastest way in numpy
        result[:, :, number] = pixels[:, :, channel]
    return torch.from_numpy(result)[None]


def _read_path(path: str | os.PathLike[str], least_side: int) -> NDArray[np.uint8]:
    name = os.fspath(path)
    try:
        with open_image(name) as image:
            return decode_rgb(image, least_side)
    except UserError:
        raise
    except Exception as error:  # decoders of rare formats raise errors of any type
        raise DataError(f"image {name} cannot be read: {error}") from error


def _read_pil(image: Image.Image, _: int) -> NDArray[np.uint8]:
    check_depth(image)
    try:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception as error:  # as above: the file may be decoded only now
        raise DataError(f"the PIL image of mode {image.mode} cannot be read: {error}") from error


def _read_array(array: NDArray[Any], _: int) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or not _has_channels(array.shape, axis=2):
        raise DataError(f"the array is {array.dtype} of shape {array.shape}; {EXPECTED}")
    return _as_rgb(array)


def _read_tensor(tensor: Tensor, _: int) -> NDArray[np.uint8]:
    if tensor.dtype != torch.uint8 or not _has_channels(tuple(tensor.shape), axis=0):
        raise DataError(f"the tensor is {tensor.dtype} of shape {tuple(tensor.shape)}; {EXPECTED}")
    try:
        array = tensor.detach().cpu().numpy()
    except (RuntimeError, TypeError) as error:  # sparse, on the meta device, ...
        raise DataError(f"the tensor cannot be read: {str(error).splitlines()[0]}") from error
    return _as_rgb(array if array.ndim == 2 else array.transpose(1, 2, 0))


def _has_channels(shape: tuple[int, ...], *, axis: int) -> bool:
    """Whether it is the shape of grey, RGB or RGBA pixels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[axis] in (1, 3, 4))


def _as_rgb(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey (H, W) or (H, W, 1), RGB, or RGBA -> RGB (H, W, 3)."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] == 1:
        array = array.repeat(3, axis=2)
    return np.ascontiguousarray(array[:, :, :3])


_READERS: dict[type, Callable[[Any, int], NDArray[np.uint8]]] = {
    str: _read_path,
    Path: _read_path,
    os.PathLike: _read_path,
    Image.Image: _read_pil,
    np.ndarray: _read_array,
    Tensor: _read_tensor,
}
