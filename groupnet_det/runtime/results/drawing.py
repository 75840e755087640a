"""Draws results over images by Pillow alone, so that it works where packed files do."""

import colorsys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from groupnet_det.errors import ConfigError, DataError, shortened
from groupnet_det.images.decoding import FULL_SIZE
from groupnet_det.images.label_images import voc_colours
from groupnet_det.images.reading import AnyImage, read_image

Pixels = NDArray[np.uint8]  # RGB (H, W, 3)
Colour = tuple[int, int, int]
Sides = tuple[int, int, int, int]  # left, upper, right, lower, in pixels

OPACITY = 0.5  # of masks and regions
MAX_SCALE = 32
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


def rescaled(pixels: NDArray[Any], scale: float, method: Image.Resampling) -> NDArray[Any]:
    """An image, or a map of labels, with its sides times `scale`."""
    if scale == 1:
        return pixels
    height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), method)).copy()


class Canvas:
    """An image to be drawn on: regions first, then boxes and texts in sizes that suit it."""

    def __init__(self, pixels: Pixels, scale: float = 1.0) -> None:
        """
        Args:
            pixels: RGB (H, W, 3); what is drawn is given in these pixels.
            scale: Of the canvas; small images need a larger one for texts.

        Raises:
            ConfigError: `scale` is not above 0, or above `MAX_SCALE`.
        """
        if (
            isinstance(scale, bool)
            or not isinstance(scale, int | float)
            or not (0 < scale <= MAX_SCALE)
        ):
            raise ConfigError(f"scale is {shortened(scale)}; valid: above 0, up to {MAX_SCALE}")
        self._scale = scale
        self._pixels = rescaled(pixels, scale, Image.Resampling.BICUBIC)
        short = min(self._pixels.shape[:2])
        self.font = ImageFont.load_default(size=max(LEAST_FONT, round(FONT_SHARE * short)))
        self.width = max(1, round(short / 250))
        self._image: Image.Image | None = None  # for what follows the regions
        self._texts: list[Sides] = []

    def region(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """Colour the pixels of a mask (H, W)."""
        shown = rescaled(mask.view(np.uint8), self._scale, Image.Resampling.NEAREST)
        blend(self._pixels, shown.view(np.bool_), colour)

    def boxes(self, labelled: Sequence[tuple[Sequence[float], Colour, str]]) -> None:
        """Boxes (left, upper, right, lower) with their colours and texts, the most important first:
        it is drawn above the others, and its text has the first choice among the places at its
        box."""
        draw = self._draw()
        scaled = [
            ([self._scale * side for side in box], colour, text) for box, colour, text in labelled
        ]
        for (left, top, right, bottom), colour, _ in reversed(scaled):
            corners = (left, top, max(left, right), max(top, bottom))
            draw.rectangle(corners, outline=colour, width=self.width)
        for box, colour, text in scaled:
            self._text(self._free_place(box, text), colour, text)

    def lines(self, lines: Sequence[tuple[str, Colour]]) -> None:
        """Texts below each other in the upper left corner, each on its colour, as many as there is
        room for."""
        self._draw()
        _, height = self.text_size("")
        room = max(1, self._pixels.shape[0] // height)
        shown = list(lines)
        if len(shown) > room:
            shown[room - 1 :] = [(f"and {len(shown) - room + 1} more", (0, 0, 0))]
        for number, (text, colour) in enumerate(shown):
            self._text(self._inside(0, number * height, text), colour, text)

    def text_size(self, text: str) -> tuple[int, int]:
        """Width and height of a text with its background."""
        ascent, descent = self.font.getmetrics()  # type: ignore[union-attr]
        return round(self.font.getlength(text)) + 2 * MARGIN, ascent + descent + 2 * MARGIN

    def pixels(self) -> Pixels:
        """RGB."""
        return self._pixels if self._image is None else np.asarray(self._image).copy()

    def _draw(self) -> ImageDraw.ImageDraw:
        self._image = Image.fromarray(self._pixels) if self._image is None else self._image
        return ImageDraw.Draw(self._image)

    def _text(self, place: Sides, colour: Colour, text: str) -> None:
        left, top, right, bottom = place
        self._texts.append(place)
        draw = self._draw()
        draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)
        luminance = np.dot(colour, (0.299, 0.587, 0.114))
        ink = "black" if luminance > BRIGHT else "white"
        draw.text((left + MARGIN, top + MARGIN), text, fill=ink, font=self.font, anchor="la")

    def _free_place(self, box: Sequence[float], text: str) -> Sides:
        """Where a text at a box hides least of those that are there: above it, inside at the top or
        the bottom, below it; at its left side, or its right one."""
        left, top, right, bottom = box
        width, height = self.text_size(text)
        places = [
            self._inside(x, y, text)
            for x in (left, right - width)
            for y in (top - height, top, bottom - height, bottom)
            if 0 <= y <= self._pixels.shape[0] - height
        ]
        return min(places or [self._inside(left, top, text)], key=self._hidden)

    def _inside(self, left: float, top: float, text: str) -> Sides:
        """The text's place, moved into the image where that does not contain it."""
        width, height = self.text_size(text)
        rows, columns = self._pixels.shape[:2]
        x = min(max(round(left), 0), max(columns - width, 0))
        y = min(max(round(top), 0), max(rows - height, 0))
        return x, y, x + width, y + height

    def _hidden(self, place: Sides) -> int:
        """Pixels of texts that a text there would hide."""
        return sum(_common_area(place, other) for other in self._texts)


def _common_area(a: Sides, b: Sides) -> int:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def largest_first(masks: NDArray[np.bool_]) -> Iterator[int]:
    """Indices of masks (R, H, W), so that small ones are drawn over large ones."""
    areas = masks.sum(axis=(1, 2))
    yield from np.argsort(-areas, kind="stable").tolist()


def _bytes(colour: Sequence[float]) -> Colour:
    red, green, blue = (round(255 * share) for share in colour)
    return red, green, blue
