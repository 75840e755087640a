"""Images from files to what networks see, for training and for packed networks alike."""

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

# Of Pillow's formats those of photographs and masks, which it decodes itself. Others run programs:
# Ghostscript for a PostScript file, whatever its name is.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
PREFIX = 16  # bytes by which Pillow tells formats apart
CHANNEL_ORDERS = {"RGB": [0, 1, 2], "BGR": [2, 1, 0]}
FULL_SIZE = 2**20  # as the least side to decode an image to: none is larger
# Modes of Pillow with more than 8 bits: it would cut values off above 255 without a word.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height
TEST_OVERSAMPLING = 2  # a JPEG for testing is decoded to at least this multiple of its final size


@contextmanager
def open_image(file_name: str) -> Iterator[Image.Image]:
    """An image file, not yet decoded; the one place that opens such files.

    Raises:
        DataError: The file is missing, of none of `FORMATS`, or broken, which may show only while
            it is decoded.
    """
    try:
        if not stat.S_ISREG(os.stat(file_name).st_mode):  # a pipe would be waited for
            raise DataError(f"image {file_name} is no plain file")
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
    """What Pillow takes a file for by its first bytes; nothing else of it is looked at."""
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
        DataError: The image has more than 8 bits a channel.
    """
    if image.mode in DEEP_MODES:
        name = getattr(image, "filename", "")
        raise DataError(
            f"{f'the image {name}' if name else 'the image'} has more than 8 bits a channel (mode "
            f"{image.mode}); scale it to 8 bits first, as the images of the training had"
        )


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of an image, not yet decoded, when it is turned as its EXIF orientation says.

    Pillow turns TIFF files while it decodes them, and tells the turned size before.
    """
    width, height = image.size
    if isinstance(image, TiffImageFile):
        width, height = (int(image.tag_v2[tag]) for tag in (IMAGEWIDTH, IMAGELENGTH))
    is_turned = image.getexif().get(ExifTags.Base.Orientation) in TURNED
    return (height, width) if is_turned else (width, height)


def decode_rgb(image: Image.Image, least_side: int) -> NDArray[np.uint8]:
    """Pixels of a file that `open_image` has opened; see `read_rgb`."""
    check_depth(image)
    image.draft("RGB", (least_side, least_side))
    ImageOps.exif_transpose(image, in_place=True)
    return np.asarray(image.convert("RGB"))


def read_rgb(file_name: str, least_side: int = FULL_SIZE) -> NDArray[np.uint8]:
    """Decode an image to RGB (H, W, 3), turned as its EXIF orientation says.

    Grey, CMYK and palette images are converted; an alpha channel is dropped.

    Args:
        file_name: The file.
        least_side: Pixels. A JPEG may be decoded to a half, a quarter or an eighth of its size, as
            long as both its sides keep this many: the format can do that at a fraction of the time.
            No image is as large as the default.

    Raises:
        DataError: The file is missing or broken, or has more than 8 bits.
    """
    with open_image(file_name) as image:
        return decode_rgb(image, least_side)


class ResizeShorterSide:
    """The shorter side to `size` pixels, the other one in proportion (cut to a whole number).

    The bits of torchvision's ``Resize`` with Pillow before 13, whatever Pillow is installed: rows
    first, then columns. Newer ones take the other order for tall images, which rounds otherwise,
    and docs/c-api.md fixes one.
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
    """The shorter side to `resize` pixels, then the square of `crop` pixels at the centre.

    Raises:
        ConfigError: The square does not fit.
    """
    if not 1 <= crop <= resize:
        raise ConfigError(
            f"INPUT.CLASSIFICATION.TEST_CROP is {crop}; valid: 1 to TEST_RESIZE, which is {resize}"
        )
    return transforms.Compose([ResizeShorterSide(resize), transforms.CenterCrop(crop)])


def to_channels(image: Image.Image, channels: Sequence[int]) -> Tensor:
    """An RGB image -> uint8 (3, H, W) with its channels in the order of `channels`."""
    pixels: Tensor = transforms.functional.pil_to_tensor(image)
    return pixels[list(channels)].contiguous()
