"""Draws what a packed model predicts over an image, and lists it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from detectron2.data import Metadata
from numpy.typing import NDArray
from PIL import Image

from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image
from groupnet_det.images.reading import read_image
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.runtime.results.result import Result
from groupnet_det.visualization.drawn_results import metadata_of
from groupnet_det.visualization.instances import class_colour, draw_instances
from groupnet_det.visualization.label_map_images import draw_segments

from .offered_models import LABELS_QUESTION, MASKS

Pixels = NDArray[np.uint8]  # RGB (H, W, 3)
Colour = tuple[int, int, int]

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
    return scaled(pixels, most / max(height, width), Image.Resampling.BOX)


def scaled(pixels: NDArray[Any], scale: float, method: Image.Resampling) -> NDArray[Any]:
    """Resize an image, or a map of labels, by a factor."""
    height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), method))


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
    return _SHOW[type(result)](pixels, result, metadata_of(result))


def _show_objects(pixels: Pixels, result: Detections, metadata: Metadata) -> Shown:
    height = round(_enlargement(pixels) * pixels.shape[0])
    number = len(result.class_names)
    colours = [
        _bytes(class_colour(label, max(number, label + 1))) for label in result.classes.tolist()
    ]
    shares = zip(result.names, result.scores.tolist(), colours, strict=True)
    return Shown(
        picture=draw_instances(pixels, result.to_detectron2(), metadata, height=height),
        findings=[FoundClass(name=n, share=score, colour=c) for n, score, c in shares],
    )


def _show_labels(pixels: Pixels, result: LabelMap, metadata: Metadata) -> Shown:
    labels = result.labels.numpy().astype(np.int32)
    scale = _enlargement(pixels)
    colour_of = dict(zip(result.class_names, map(tuple, metadata.stuff_colors), strict=True))
    return Shown(
        picture=draw_segments(
            scaled(pixels, scale, Image.Resampling.BICUBIC),
            scaled(labels, scale, Image.Resampling.NEAREST),
            metadata,
        ),
        findings=[
            FoundClass(name=name, share=share, colour=colour_of[name])
            for name, share in result.shares().items()
        ],
    )


def _show_class(pixels: Pixels, result: Classification, _: Metadata) -> Shown:
    return Shown(
        picture=scaled(pixels, _enlargement(pixels), Image.Resampling.BICUBIC),
        findings=[FoundClass(name=name, share=share) for name, share in result.top(TOP)],
    )


_SHOW: dict[type, Callable[[Pixels, Any, Metadata], Shown]] = {
    Detections: _show_objects,
    LabelMap: _show_labels,
    Classification: _show_class,
}


def _enlargement(pixels: Pixels) -> float:
    """At least 1, and not beyond `MAX_SIDE` for the longer side."""
    height, width = pixels.shape[:2]
    return max(1.0, min(DRAWN_SIDE / min(height, width), MAX_SIDE / max(height, width)))


def _bytes(colour: Sequence[float]) -> Colour:
    red, green, blue = (round(255 * share) for share in colour)
    return red, green, blue
