"""Draws results over images by Pillow alone, so that it works where packed files do."""

import colorsys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from groupnet_det.errors import DataError
from groupnet_det.images.decoding import FULL_SIZE
from groupnet_det.images.label_images import voc_colours
from groupnet_det.images.reading import AnyImage, read_image

Pixels = NDArray[np.uint8]  # RGB (H, W, 3)
Colour = tuple[int, int, int]

OPACITY = 0.5  # of masks and regions
LEAST_FONT, FONT_SHARE = 10, 0.035  # pixels, and of the shorter side of the image
MARGIN = 2  # pixels around a text
BRIGHT = 140  # luminance above which a background needs dark text


def pixels_of(image: AnyImage, size: tuple[int, int]) -> Pixels:
    """A copy of an image's pixels to draw on.

    Args:
        image: Image of any kind that `read_image` takes.
        size: Height and width that the result is for.

    Raises:
        DataError: The image cannot be used, or has another size.
    """
    pixels = read_image(image, least_side=FULL_SIZE)
    height, width = pixels.shape[:2]
    if (height, width) != tuple(size):
        raise DataError(
            f"the image has {width} x {height} pixels, but the result is for {size[1]} x "
            f"{size[0]}; draw it over its own image"
        )
    return pixels.copy()


def object_colours(number: int) -> list[Colour]:
    """RGB, 0 to 255, of so many classes of objects: hues of equal distance."""
    return [_bytes(colorsys.hsv_to_rgb(i / max(number, 1), 1.0, 1.0)) for i in range(number)]


def label_colours(number: int, given: Sequence[Sequence[int]]) -> list[Colour]:
    """RGB, 0 to 255, of so many labels: those of the data set, or Pascal VOC's."""
    table = given if len(given) >= number else voc_colours(number).tolist()
    return [(int(red), int(green), int(blue)) for red, green, blue in table[:number]]


def blend(pixels: Pixels, mask: NDArray[np.bool_], colour: Colour) -> None:
    """Colour the pixels of a mask (H, W), in place."""
    mixed = (1 - OPACITY) * pixels[mask] + OPACITY * np.array(colour, dtype=np.float32)
    pixels[mask] = mixed.round().astype(np.uint8)


class Pen:
    """Boxes and texts on pixels, in sizes that suit the image."""

    def __init__(self, pixels: Pixels) -> None:
        self.image = Image.fromarray(pixels)
        self.draw = ImageDraw.Draw(self.image)
        short = min(self.image.size)
        self.font = ImageFont.load_default(size=max(LEAST_FONT, round(FONT_SHARE * short)))
        self.width = max(1, round(short / 250))

    def box(self, box: Sequence[float], colour: Colour, text: str) -> None:
        """A box left, upper, right, lower, with a text above or, without room there, below its
        upper side."""
        left, top, right, bottom = box
        corners = (left, top, max(left, right), max(top, bottom))
        self.draw.rectangle(corners, outline=colour, width=self.width)
        height = self.text_size(text)[1]
        self.text((left, top - height if top >= height else top), colour, text)

    def text(self, corner: tuple[float, float], colour: Colour, text: str) -> None:
        """A text on a background of a colour; the upper left corner moves where it would not fit
        into the image."""
        width, height = self.text_size(text)
        left = min(max(corner[0], 0), max(self.image.width - width, 0))
        top = min(max(corner[1], 0), max(self.image.height - height, 0))
        self.draw.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
        luminance = np.dot(colour, (0.299, 0.587, 0.114))
        ink = "black" if luminance > BRIGHT else "white"
        self.draw.text((left + MARGIN, top + MARGIN), text, fill=ink, font=self.font, anchor="la")

    def text_size(self, text: str) -> tuple[int, int]:
        """Width and height of a text with its background."""
        ascent, descent = self.font.getmetrics()  # type: ignore[union-attr]
        return round(self.font.getlength(text)) + 2 * MARGIN, ascent + descent + 2 * MARGIN

    def lines(self, lines: Sequence[tuple[str, Colour]]) -> None:
        """Texts below each other in the upper left corner."""
        for number, (text, colour) in enumerate(lines):
            self.text((0, number * self.text_size(text)[1]), colour, text)

    def pixels(self) -> Pixels:
        return np.asarray(self.image).copy()


def largest_first(masks: NDArray[np.bool_]) -> Iterator[int]:
    """Indices of masks (R, H, W), so that small ones are drawn over large ones."""
    areas = masks.sum(axis=(1, 2))
    yield from np.argsort(-areas, kind="stable").tolist()


def _bytes(colour: Sequence[float]) -> Colour:
    red, green, blue = (round(255 * share) for share in colour)
    return red, green, blue
