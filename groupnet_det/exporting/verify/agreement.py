"""Agreement of the predictions of two networks, image by image: classes, detections and label maps.

Scores hide what single predictions show: on few images one turned sign moves a score visibly, while
nearly all predictions stay as they are.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from .predictions import SHOWN, Finding

MIN_SCORE = 0.3  # of detections that the other network should have, too
MIN_IOU = 0.9  # of two boxes that are the same
MIN_PIXELS = 0.99  # share of an image's pixels with the same label


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Likeness of two predictions for one image.

    Attributes:
        same, parts: Classes, detections or pixels that agree, and all of them.
        agrees: Whether the predictions count as the same.
    """

    same: int
    parts: int
    agrees: bool


class ImagePrediction(Protocol):
    """The prediction of a network for an image."""

    def compare(self, other: Any, /) -> Likeness:
        """Compare it with the prediction of the same kind by another network."""


@dataclass(frozen=True)
class ClassPrediction:
    """The number of the likeliest class."""

    number: int

    def compare(self, other: "ClassPrediction", /) -> Likeness:
        same = self.number == other.number
        return Likeness(same=int(same), parts=1, agrees=same)


@dataclass(frozen=True, kw_only=True)
class ObjectPredictions:
    """Objects: boxes (N, 4) as x1, y1, x2, y2 in pixels, scores (N,), classes (N,)."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor

    def compare(self, other: "ObjectPredictions", /) -> Likeness:
        """Each detection of `MIN_SCORE` is to have one of its class and `MIN_IOU` on the other
        side, whatever score that has, so that a threshold turns nothing."""
        found = torch.cat([_found(self, other), _found(other, self)])
        same = int(found.sum())
        return Likeness(same=same, parts=len(found), agrees=same == len(found))


def _found(one: ObjectPredictions, other: ObjectPredictions) -> Tensor:
    """Whether `other` has each of the likely detections of `one`, (n,)."""
    likely = one.scores >= MIN_SCORE
    same_class = one.classes[likely][:, None] == other.classes
    same_box = box_iou(one.boxes[likely], other.boxes) >= MIN_IOU
    return (same_class & same_box).any(dim=1)


@dataclass(frozen=True)
class LabelPredictions:
    """A label for each pixel, compressed, as a data set of them fills the memory."""

    content: bytes

    @classmethod
    def of(cls, labels: Tensor) -> "LabelPredictions":
        """
        Args:
            labels: Numbers of classes below 2^15, (H, W).
        """
        return cls(zlib.compress(labels.to(torch.int16).cpu().numpy().tobytes(), level=1))

    def compare(self, other: "LabelPredictions", /) -> Likeness:
        one, two = (np.frombuffer(zlib.decompress(x.content), np.int16) for x in (self, other))
        same = int((one == two).sum())
        return Likeness(same=same, parts=len(one), agrees=same >= MIN_PIXELS * len(one))


def predictions_of(output: Mapping[str, Any]) -> dict[str, ImagePrediction]:
    """The predictions of a Detectron2 model for an image, by the keys of `PARTS`."""
    predictions: dict[str, ImagePrediction] = {}
    if "logits" in output:
        predictions["classes"] = ClassPrediction(int(output["logits"].argmax()))
    if "instances" in output:
        found = output["instances"].to("cpu")
        predictions["detections"] = ObjectPredictions(
            boxes=found.pred_boxes.tensor, scores=found.scores, classes=found.pred_classes
        )
    if "sem_seg" in output:
        predictions["labels"] = LabelPredictions.of(output["sem_seg"].argmax(dim=0))
    return predictions


# What is compared -> what its parts are.
PARTS = {
    "classes": "",  # the image has one
    "detections": f"detections of score {MIN_SCORE} and more",
    "labels": "pixels",
}


def show_agreement(
    dataset: str,
    trained: Sequence[Mapping[str, ImagePrediction]],
    packed: Sequence[Mapping[str, ImagePrediction]],
) -> list[Finding]:
    """The share of images for which both networks predict alike; a line for each of `PARTS`.

    Args:
        trained, packed: Results of `predictions_of` for the same images in the same order.
    """
    pairs = list(zip(trained, packed, strict=True))
    kinds = trained[0] if trained else ()
    return [
        _line(dataset, kind, [one[kind].compare(two[kind]) for one, two in pairs]) for kind in kinds
    ]


def _line(dataset: str, kind: str, found: Sequence[Likeness]) -> Finding:
    summary = f"the same {kind} in {_share(sum(f.agrees for f in found), len(found))} images"
    parts = sum(f.parts for f in found)
    if PARTS[kind]:
        same = _share(sum(f.same for f in found), parts) if parts else "there are no"
        summary += f"; {same} {PARTS[kind]}"
    return Finding(
        check="agreement", part=dataset, compared=len(found), found=summary, verdict=SHOWN
    )


def _share(some: int, of: int) -> str:
    return f"{some} of {of} ({100 * some / of:.1f} %)"
