"""Draws results over an image: objects, masks, segments, classes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from detectron2.data import Metadata
from detectron2.utils.video_visualizer import VideoVisualizer
from detectron2.utils.visualizer import Visualizer
from torch import Tensor

from groupnet_det.images.label_images import voc_colours

from .instances import class_colour, draw_instances
from .label_map_images import draw_segments

Outputs = dict[str, Any]  # of `groupnet_det.inference.trained_predictor.Predictor`
TOP = 3  # classes of an image that are named
LEAST_SHARE = 0.5  # per cent of the pixels, of labels that are named
# What is drawn is the first of these that there is.
KINDS = ("panoptic_seg", "sem_seg", "instances", "logits")
# Colours, from 0 to 255, of so many classes that have none of their own.
PALETTES: dict[str, Callable[[int], list[list[int]]]] = {
    "thing": lambda number: [
        [round(255 * share) for share in class_colour(index, number)] for index in range(number)
    ],
    "stuff": lambda number: voc_colours(number).tolist(),
}


def kind_of(outputs: Outputs) -> str:
    """Which of `KINDS` the outputs are drawn as."""
    return next(kind for kind in KINDS if kind in outputs)


def draw_outputs(pixels: np.ndarray, outputs: Outputs, looks: Metadata) -> np.ndarray:
    """A picture of one image and its outputs.

    Args:
        pixels: RGB (H, W, 3).
        looks: Class names and colours; classes without a name have their number.

    Returns:
        RGB of the same size.
    """
    kind = kind_of(outputs)
    if kind == "instances":
        return draw_instances(pixels, outputs["instances"], looks)
    if kind == "logits":
        return _draw_classes(pixels, outputs["logits"], looks)
    looks = complete_looks(looks, outputs)
    if kind == "sem_seg":
        return draw_segments(pixels, _labels(outputs).numpy(), looks)
    segments, info = outputs["panoptic_seg"]
    return Visualizer(pixels, looks).draw_panoptic_seg(segments.cpu(), info, alpha=0.5).get_image()


class VideoDrawer:
    """As `draw_outputs`, but an object keeps its colour from frame to frame."""

    def __init__(self, looks: Metadata) -> None:
        self.looks = looks
        self.visualizer = VideoVisualizer(looks)

    def __call__(self, pixels: np.ndarray, outputs: Outputs) -> np.ndarray:
        """See `draw_outputs`; frames come in their order."""
        kind = kind_of(outputs)
        self.visualizer.metadata = complete_looks(self.looks, outputs)
        if kind == "instances":
            instances = outputs["instances"].to("cpu")
            return self.visualizer.draw_instance_predictions(pixels, instances).get_image()
        if kind == "panoptic_seg":
            segments, info = outputs["panoptic_seg"]
            drawn = self.visualizer.draw_panoptic_seg_predictions(pixels, segments.cpu(), info)
            return drawn.get_image()
        return draw_outputs(pixels, outputs, self.looks)


def describe_outputs(outputs: Outputs, looks: Metadata) -> str:
    """A few words on the outputs, such as ``3 objects: 2 × cat, 1 × dog``."""
    return DESCRIBERS[kind_of(outputs)](outputs, looks)


def top_classes(logits: Tensor, looks: Metadata, number: int = TOP) -> list[str]:
    """The most probable classes, such as ``cat 93%``."""
    shares, classes = logits.softmax(dim=0).topk(min(number, len(logits)))
    names = looks.get("classes") or []
    return [
        f"{_name(names, index)} {100 * share:.0f}%"
        for share, index in zip(shares.tolist(), classes.tolist(), strict=True)
    ]


def _draw_classes(pixels: np.ndarray, logits: Tensor, looks: Metadata) -> np.ndarray:
    visualizer = Visualizer(pixels, looks)
    text = "\n".join(top_classes(logits.cpu(), looks))
    margin = 0.02 * min(pixels.shape[:2])
    drawn = visualizer.draw_text(text, (margin, margin), color="w", horizontal_alignment="left")
    return drawn.get_image()


def _labels(outputs: Outputs) -> Tensor:
    return outputs["sem_seg"].argmax(dim=0).cpu()


def complete_looks(looks: Metadata, outputs: Outputs) -> Metadata:
    """A copy with a name and a colour for each class of segments, which Detectron2's drawing needs:
    their numbers, and colours that are the same in each picture."""
    known = {key: value for key, value in looks.as_dict().items() if key != "name"}
    segments = outputs["panoptic_seg"][1] if "panoptic_seg" in outputs else []
    highest = {"thing": -1, "stuff": len(outputs.get("sem_seg", ())) - 1}
    for segment in segments:
        kind = "thing" if segment["isthing"] else "stuff"
        highest[kind] = max(highest[kind], segment["category_id"])
    for kind, last in highest.items():
        names = list(known.get(f"{kind}_classes") or [])
        names += [str(label) for label in range(len(names), last + 1)]
        colours = known.get(f"{kind}_colors") or []
        if len(colours) < len(names):
            colours = PALETTES[kind](len(names))
        known |= {f"{kind}_classes": names, f"{kind}_colors": colours}
    complete = Metadata()
    complete.set(**known)
    return complete


def _describe_instances(outputs: Outputs, looks: Metadata) -> str:
    names = looks.get("thing_classes") or []
    return _counted(outputs["instances"].pred_classes.tolist(), names)


def _describe_panoptic(outputs: Outputs, looks: Metadata) -> str:
    things = [item["category_id"] for item in outputs["panoptic_seg"][1] if item["isthing"]]
    stuff = len(outputs["panoptic_seg"][1]) - len(things)
    names = looks.get("thing_classes") or []
    return f"{_counted(things, names)}; {_number(stuff, 'other segment')}"


def _describe_labels(outputs: Outputs, looks: Metadata) -> str:
    labels, counts = torch.unique(_labels(outputs), return_counts=True)
    shares = (100 * counts / counts.sum()).tolist()
    names = looks.get("stuff_classes") or []
    told = [
        f"{_name(names, label)} {share:.0f}%"
        for share, label in sorted(zip(shares, labels.tolist(), strict=True), reverse=True)
        if share >= LEAST_SHARE
    ]
    return ", ".join(told)


def _describe_classes(outputs: Outputs, looks: Metadata) -> str:
    return ", ".join(top_classes(outputs["logits"].cpu(), looks))


DESCRIBERS: dict[str, Callable[[Outputs, Metadata], str]] = {
    "panoptic_seg": _describe_panoptic,
    "sem_seg": _describe_labels,
    "instances": _describe_instances,
    "logits": _describe_classes,
}


def _counted(classes: Sequence[int], names: Sequence[str]) -> str:
    counts = Counter(_name(names, index) for index in classes).most_common()
    told = ", ".join(f"{number} × {name}" for name, number in counts)
    return _number(len(classes), "object") + (f": {told}" if told else "")


def _number(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index < len(names) else str(index)
