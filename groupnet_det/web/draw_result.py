"""Draws what a packed model predicts over an image, and lists it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image
from groupnet_det.images.reading import read_image
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.drawing import Colour, Pixels, object_colours, rescaled
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.runtime.results.result import Result

from .offered_models import LABELS_QUESTION, MASKS

MAX_PIXELS = 40_000_000  # of an image that is decoded
MAX_SIDE = 1280  # pixels: larger images are shrunk
DRAWN_SIDE = 480  # pixels of the shorter side: smaller images are enlarged to be drawn on
TOP = 5  # classes of an image
GREY = (128, 128, 128)


@dataclass(frozen=True, kw_only=True)
class FoundClass:
    """An object, or a class.

    Attributes:
        name: Name of the class.
        share: Score of the object, probability of the class, or its share of the pixels.
        colour: In which it is drawn.
    """

    name: str
    share: float
    colour: Colour = GREY


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A result for the eye.

    Attributes:
        picture: The image with what was found, RGB.
        findings: The greatest share first.
    """

    picture: Pixels
    findings: Sequence[FoundClass]


def read_upload(path: str, name: str) -> Pixels:
    """Pixels of an uploaded file, with sides of at most `MAX_SIDE`.

    Args:
        path: Where it lies.
        name: For messages, in which nobody needs the path.

    Raises:
        DataError: It is not an image, or one of more than `MAX_PIXELS`.
    """
    try:
        with open_image(path) as image:
            width, height = image.size
        if width * height > MAX_PIXELS:
            raise DataError(
                f"{name} has {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million can "
                "be used"
            )
        pixels = read_image(path, least_side=MAX_SIDE)
    except DataError as error:
        message = str(error).replace(f"image {path}", name).replace(path, name)
        raise DataError(message) from error
    return shrink_for_drawing(pixels, MAX_SIDE)


def shrink_for_drawing(pixels: Pixels, most: int) -> Pixels:
    """Shrink an image whose longer side has more than `most` pixels."""
    height, width = pixels.shape[:2]
    if max(height, width) <= most:
        return pixels
    return rescaled(pixels, most / max(height, width), Image.Resampling.BOX)


def show_result(pixels: Pixels, result: Result, *, question: str, threshold: float) -> Shown:
    """Draw a result.

    Args:
        pixels: The image.
        question: One of `models.QUESTIONS`.
        threshold: Score threshold of objects.
    """
    if isinstance(result, PanopticSegmentation):
        result = result.label_map if question == LABELS_QUESTION else result.detections
    if isinstance(result, Detections):
        result = result.above(threshold)
        if question != MASKS:
            result = replace(result, masks=None)
    scale = _enlargement(pixels)
    if isinstance(result, Classification):
        picture = rescaled(pixels, scale, Image.Resampling.BICUBIC)  # the list has its classes
    else:
        picture = result.plot(pixels, scale=scale)
    return Shown(picture=picture, findings=_FINDINGS[type(result)](result))


def _find_objects(result: Detections) -> list[FoundClass]:
    palette = object_colours(max(len(result.class_names), 1))
    return [
        FoundClass(name=each.class_name, share=each.score, colour=palette[each.label])
        for each in result
    ]


def _find_labels(result: LabelMap) -> list[FoundClass]:
    colours = result.colours()
    return [
        FoundClass(name=region.class_name, share=region.share, colour=colours[region.label])
        for region in result
    ]


def _find_classes(result: Classification) -> list[FoundClass]:
    return [FoundClass(name=name, share=share) for name, share in result.top(TOP)]


_FINDINGS: dict[type, Callable[[Any], list[FoundClass]]] = {
    Detections: _find_objects,
    LabelMap: _find_labels,
    Classification: _find_classes,
}


def _enlargement(pixels: Pixels) -> float:
    """At least 1, and not beyond `MAX_SIDE` for the longer side."""
    height, width = pixels.shape[:2]
    return max(1.0, min(DRAWN_SIDE / min(height, width), MAX_SIDE / max(height, width)))
