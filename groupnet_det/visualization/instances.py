"""Boxes and masks over a picture, by Detectron2's Visualizer."""

import colorsys
from typing import Any

import numpy as np
from detectron2.data import Metadata
from detectron2.structures import Instances
from detectron2.utils.visualizer import Visualizer
from torch import Tensor


def draw_instances(
    pixels: np.ndarray, instances: Instances, metadata: Metadata, *, height: int | None = None
) -> np.ndarray:
    """Boxes, masks where there are any, class names, and scores where there are any; a class
    always has one colour.

    Args:
        pixels: RGB (H, W, 3).
        instances: With ``pred_boxes`` and ``pred_classes``.
        metadata: With ``thing_classes``; classes without a name have their number.
        height: Of the picture that is made; that of `pixels` if absent.

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
    drawn = Visualizer(pixels, metadata, scale=scale).overlay_instances(
        boxes=instances.pred_boxes.to("cpu"),
        masks=_masks(instances),
        labels=labels,
        assigned_colors=[class_colour(index, number) for index in classes],
    )
    return drawn.get_image()


def class_colour(index: int, number: int) -> tuple[float, float, float]:
    """Red, green and blue, from 0 to 1, of one of so many classes."""
    return colorsys.hsv_to_rgb(index / number, 1.0, 1.0)


def _masks(instances: Instances) -> Any:
    if not instances.has("pred_masks"):
        return None
    masks = instances.pred_masks
    return list(np.asarray(masks.cpu())) if isinstance(masks, Tensor) else masks
