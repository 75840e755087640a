"""Decoding and resizing of image files, the same for training and for packed networks."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile
from torch import Tensor
from torchvision import transforms

from groupnet_det.errors import ConfigError, DataError

# The formats of photographs and masks, which Pillow decodes itself. For others it runs programs,
# such as Ghostscript for a PostScript file, whatever its name is.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
PREFIX = 16  # bytes by which Pillow identifies the format
CHANNEL_ORDERS = {"RGB": [0, 1, 2], "BGR": [2, 1, 0]}
FULL_SIZE = 2**20  # pixels; larger than any image
# Pillow's modes with more than 8 bits, which it would silently clip to 255.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height
TEST_OVERSAMPLING = 2  # a JPEG for testing is decoded to at least this multiple of its final size


@contextmanager
def open_image(file_name: str) -> Iterator[Image.Image]:
    """Open an image file without decoding it; all image files are opened here.

    Raises:
        DataError: The file is missing, of none of `FORMATS`, or broken. The last error may occur
            only while the image is decoded, within the context.
    """
    try:
        if not stat.S_ISREG(os.stat(file_name).st_mode):  # opening a pipe would block
            raise DataError(f"image {file_name} is not a regular file")
        with Image.open(file_name, formats=FORMATS) as image:
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(
            f"image {file_name} cannot be read: its format is {_format_of(file_name)}; valid: "
            f"{', '.join(FORMATS)}"
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"image {file_name} cannot be read: {error}") from error


def _format_of(file_name: str) -> str:
    """The format that Pillow identifies by the first bytes of a file."""
    with open(file_name, "rb") as file:
        prefix = file.read(PREFIX).ljust(PREFIX, b"\0")
    Image.init()
    for name, (_, accept) in Image.OPEN.items():
        if accept and accept(prefix) is True:
            return name if name not in FORMATS else f"{name}, and broken"
    return "unknown"


def check_depth(image: Image.Image) -> None:
    """
    Raises:
        DataError: The image has more than 8 bits per channel.
    """
    if image.mode in DEEP_MODES:
        name = getattr(image, "filename", "")
        raise DataError(
            f"{f'the image {name}' if name else 'the image'} has more than 8 bits per channel "
            f"(mode {image.mode}); convert it to 8 bits first, like the training images"
        )


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of an image that is not decoded yet, after applying its EXIF orientation.

    Pillow rotates TIFF files while decoding them, and reports the rotated size before.
    """
    width, height = image.size
    if isinstance(image, TiffImageFile):
        width, height = (int(image.tag_v2[tag]) for tag in (IMAGEWIDTH, IMAGELENGTH))
    is_turned = image.getexif().get(ExifTags.Base.Orientation) in TURNED
    return (height, width) if is_turned else (width, height)


def decode_rgb(image: Image.Image, least_side: int) -> NDArray[np.uint8]:
    """Decode an image from `open_image`; see `read_rgb`."""
    check_depth(image)
    image.draft("RGB", (least_side, least_side))
    ImageOps.exif_transpose(image, in_place=True)
    return np.asarray(image.convert("RGB"))


def read_rgb(file_name: str, least_side: int = FULL_SIZE) -> NDArray[np.uint8]:
    """Decode an image to RGB (H, W, 3) and apply its EXIF orientation.

    Grey, CMYK and palette images are converted; an alpha channel is dropped.

    Args:
        file_name: The file.
        least_side: Pixels. A JPEG may be decoded to a half, a quarter or an eighth of its size if
            both sides keep at least this many, which takes a fraction of the time. The default
            disables this.

    Raises:
        DataError: The file is missing or broken, or has more than 8 bits.
    """
    with open_image(file_name) as image:
        return decode_rgb(image, least_side)


class ResizeShorterSide:
    """Resize the shorter side to `size` pixels and the other one in proportion (truncated).

    Gives the bits of torchvision's ``Resize`` with Pillow before 13 for every version of Pillow:
    rows first, then columns, as docs/use/c-api.md specifies. Pillow 13 uses the other order for
    tall images, which rounds differently.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        longer = int(self.size * max(width, height) / min(width, height))
        resized = (self.size, longer) if width <= height else (longer, self.size)
        narrow = image.resize((resized[0], height), Image.Resampling.BILINEAR)
        return narrow.resize(resized, Image.Resampling.BILINEAR)


def center_crop_transform(*, resize: int, crop: int) -> transforms.Compose:
    """Resize the shorter side to `resize` pixels, then crop `crop` x `crop` pixels at the centre.

    Raises:
        ConfigError: The crop does not fit.
    """
    if not 1 <= crop <= resize:
        raise ConfigError(
            f"INPUT.CLASSIFICATION.TEST_CROP is {crop}; valid: 1 to TEST_RESIZE, which is {resize}"
        )
    return transforms.Compose([ResizeShorterSide(resize), transforms.CenterCrop(crop)])


def to_channels(image: Image.Image, channels: Sequence[int]) -> Tensor:
    """Convert an RGB image to uint8 (3, H, W) with its channels in the order of `channels`."""
    pixels: Tensor = transforms.functional.pil_to_tensor(image)
    return pixels[list(channels)].contiguous()
