"""One kind of answer from trained and from packed networks, with names of classes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from detectron2.data import Metadata
from torch import Tensor

import groupnet_det.runtime.task_pipelines as packed_tasks
from groupnet_det.errors import ConfigError
from groupnet_det.images.decoding import FULL_SIZE
from groupnet_det.images.reading import AnyImage, read_image
from groupnet_det.runtime.postprocessing.panoptic import PanopticSegmentation
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap

from .packed_model import is_packed
from .trained_predictor import Predictor, check_threshold, open_predictor


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part of an image: an object, or all that there is of a kind of stuff.

    Attributes:
        number: Of its pixels in `Segments.labels`.
        name: Its class.
        is_object: Whether it is one of several that there may be.
        score: 0 to 1, of objects.
    """

    number: int
    name: str
    is_object: bool
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Segments:
    """What a panoptic network says about an image.

    Attributes:
        labels: int64 (height, width): the number of each pixel's segment, 0 for none.
        segments: All of them.
    """

    labels: Tensor
    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return ", ".join(segment.name for segment in self.segments) or "nothing"


Answer = packed_tasks.Answer | Segments


def open_model(
    model: str | os.PathLike[str], *, threshold: float = 0.5
) -> Callable[[AnyImage], Answer]:
    """A function from images to answers.

    Args:
        model: A packed file, a checkpoint that carries its config, or a folder of weights.
        threshold: Score threshold of objects.

    Raises:
        UserError: A file is missing or broken, or lacks what is needed.
    """
    check_threshold(threshold)
    path = os.fspath(model)
    if is_packed(path):
        packed = PackedPredictor(path)
        return partial(_answer_packed, packed, threshold)
    predictor = open_predictor(config_file="", weights=path, options=(), threshold=threshold)
    return partial(_answer, predictor)


# Functions of the module, so that what `open_model` gives can be pickled.
def _answer_packed(packed: PackedPredictor, threshold: float, image: AnyImage) -> Answer:
    return _above(packed(image), threshold)


def _answer(predictor: Predictor, image: AnyImage) -> Answer:
    pixels = read_image(image, least_side=FULL_SIZE)
    return answer_of(predictor(pixels), predictor.looks)


def answer_of(outputs: Mapping[str, Any], looks: Metadata) -> Answer:
    """From what Detectron2's models return for an image.

    Args:
        outputs: With ``panoptic_seg``, ``sem_seg``, ``instances`` or ``logits``; of several, the
            first in this order counts.
        looks: Names of classes.

    Raises:
        ConfigError: It has none of these.
    """
    for key, convert in _CONVERSIONS.items():
        if key in outputs:
            return convert(outputs[key], looks)
    raise ConfigError(f"the network gives {list(outputs)}; known are {list(_CONVERSIONS)}")


def _above(answer: packed_tasks.Answer, threshold: float) -> Answer:
    if isinstance(answer, PanopticSegmentation):
        return _of_packed(answer.above(threshold))
    return answer.above(threshold) if isinstance(answer, Detections) else answer


def _of_packed(answer: PanopticSegmentation) -> Segments:
    segments = [
        Segment(number=info["id"], name=name, is_object=info["isthing"], score=info.get("score"))
        for name, info in zip(answer.names, answer.segments_info, strict=True)
    ]
    return Segments(answer.segment_map.long(), tuple(segments))


def _classification(logits: Tensor, looks: Metadata) -> Classification:
    return Classification(logits.float().cpu(), _names(looks, "classes", len(logits)))


def _detections(instances: Any, looks: Metadata) -> Detections:
    found = instances.to("cpu")
    classes = found.pred_classes
    number = int(classes.max()) + 1 if len(classes) else 0
    return Detections(
        boxes=found.pred_boxes.tensor,
        scores=found.scores,
        classes=classes,
        class_names=_names(looks, "thing_classes", number),
        image_size=found.image_size,
        masks=found.pred_masks if found.has("pred_masks") else None,
    )


def _label_map(scores: Tensor, looks: Metadata) -> LabelMap:
    return LabelMap(scores.argmax(dim=0).cpu(), _names(looks, "stuff_classes", len(scores)))


def _segments(found: tuple[Tensor, list[dict[str, Any]]], looks: Metadata) -> Segments:
    labels, infos = found
    kinds = {True: "thing_classes", False: "stuff_classes"}
    segments = [
        Segment(
            number=info["id"],
            name=_names(looks, kinds[info["isthing"]], info["category_id"] + 1)[
                info["category_id"]
            ],
            is_object=info["isthing"],
            score=info.get("score"),
        )
        for info in infos
    ]
    return Segments(labels.long().cpu(), tuple(segments))


def _names(looks: Metadata, key: str, number: int) -> tuple[str, ...]:
    """Names of the classes; their numbers where none, or less than `number`, are known."""
    names = looks.get(key, [])
    return tuple(names) if len(names) >= number else tuple(map(str, range(number)))


# Outputs of a model, the most telling first -> the answer.
_CONVERSIONS: dict[str, Callable[[Any, Metadata], Answer]] = {
    "panoptic_seg": _segments,
    "sem_seg": _label_map,
    "instances": _detections,
    "logits": _classification,
}
