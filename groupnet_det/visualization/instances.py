"""Boxes and masks of Detectron2's instances over an image, in the style of `Result.plot`."""

import colorsys
from typing import Any

import numpy as np
import pycocotools.mask as mask_util
from detectron2.data import Metadata
from detectron2.structures import BitMasks, Instances, PolygonMasks
from detectron2.structures.masks import polygons_to_bitmask
from torch import Tensor

from groupnet_det.runtime.results.drawing import Canvas, largest_first, object_colours


def draw_instances(
    pixels: np.ndarray, instances: Instances, metadata: Metadata, *, height: int | None = None
) -> np.ndarray:
    """Boxes, masks where there are any, class names, and scores where there are any; a class
    always has one colour, and names avoid each other.

    Args:
        pixels: RGB (H, W, 3).
        instances: With ``pred_boxes`` and ``pred_classes``.
        metadata: With ``thing_classes``; classes without a name have their number.
        height: Height of the image that is drawn; by default that of `pixels`.

    Returns:
        RGB.
    """
    classes = instances.pred_classes.tolist()
    names = metadata.get("thing_classes") or []
    labels = [names[index] if index < len(names) else str(index) for index in classes]
    if instances.has("scores"):
        scores = instances.scores.tolist()
        labels = [f"{label} {100 * s:.0f}%" for label, s in zip(labels, scores, strict=True)]
    number = max(len(names), max(classes, default=0) + 1)
    scale = (height or pixels.shape[0]) / pixels.shape[0]
    canvas = Canvas(pixels.copy(), scale)
    palette = object_colours(number)
    masks = _bitmasks(instances)
    for index in largest_first(np.array(masks, dtype=bool)) if masks else ():
        canvas.region(masks[index].astype(bool), palette[classes[index]])
    boxes = instances.pred_boxes.tensor.tolist()
    colours = [palette[index] for index in classes]
    canvas.boxes(list(zip(boxes, colours, labels, strict=True)))
    return canvas.pixels()


def class_colour(index: int, number: int) -> tuple[float, float, float]:
    """Red, green and blue, from 0 to 1, of one of so many classes."""
    return colorsys.hsv_to_rgb(index / number, 1.0, 1.0)


def _bitmasks(instances: Instances) -> list[np.ndarray]:
    """The masks, if there are any, as arrays (H, W) of 0 and 1."""
    if not instances.has("pred_masks"):
        return []
    masks = instances.pred_masks
    if isinstance(masks, BitMasks):
        masks = masks.tensor
    if isinstance(masks, PolygonMasks):
        masks = masks.polygons
    return [_bitmask(mask, instances.image_size) for mask in masks]


def _bitmask(mask: Any, size: tuple[int, int]) -> np.ndarray:
    """Decode a tensor or array (H, W), polygons, or a run-length encoding, which must fit."""
    if isinstance(mask, dict):
        if isinstance(mask["counts"], list):
            mask = mask_util.frPyObjects(mask, *size)
        return mask_util.decode(mask)
    if isinstance(mask, list):
        return polygons_to_bitmask([np.asarray(p) for p in mask], *size).astype(np.uint8)
    array = mask.cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    return array.astype(np.uint8)
