"""Draws results over the frames of a video, and describes them; metadata to draw with."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from detectron2.data import Metadata
from detectron2.utils.video_visualizer import VideoVisualizer

from groupnet_det.images.label_images import voc_colours
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.runtime.results.result import Result

from .instances import class_colour

TOP = 3  # classes of an image that are named
LEAST_SHARE = 0.005  # of the pixels, of labels that are named
# Colours, from 0 to 255, of so many classes that have none of their own.
PALETTES: dict[str, Callable[[int], list[list[int]]]] = {
    "thing": lambda number: [
        [round(255 * share) for share in class_colour(index, number)] for index in range(number)
    ],
    "stuff": lambda number: voc_colours(number).tolist(),
}


class VideoDrawer:
    """Draws like `Result.plot`, but an object keeps its colour from frame to frame."""

    def __init__(self) -> None:
        self.visualizer = VideoVisualizer(Metadata())

    def __call__(self, pixels: np.ndarray, result: Result) -> np.ndarray:
        """The frame, RGB, with what was found; frames come in their order."""
        self.visualizer.metadata = metadata_of(result)
        if isinstance(result, Detections):
            instances = result.to_detectron2()
            return self.visualizer.draw_instance_predictions(pixels, instances).get_image()
        if isinstance(result, PanopticSegmentation):
            drawn = self.visualizer.draw_panoptic_seg_predictions(pixels, *result.to_detectron2())
            return drawn.get_image()
        return result.plot(pixels)


def describe_result(result: Result) -> str:
    """A few words, such as ``3 objects: 2 × cat, 1 × dog``."""
    return _DESCRIBERS[type(result)](result)


def metadata_of(result: Result) -> Metadata:
    """Names and colours of the classes, as Detectron2's drawing takes them."""
    if isinstance(result, PanopticSegmentation):
        return complete_metadata(
            things=result.detections.class_names,
            stuff=result.label_map.class_names,
            stuff_colours=result.label_map.class_colours,
        )
    if isinstance(result, LabelMap):
        return complete_metadata(stuff=result.class_names, stuff_colours=result.class_colours)
    return complete_metadata(things=result.class_names if isinstance(result, Detections) else ())


def complete_metadata(
    *,
    things: Sequence[str] = (),
    stuff: Sequence[str] = (),
    stuff_colours: Sequence[Sequence[int]] = (),
) -> Metadata:
    """Metadata with a colour for each class: colours that are the same in each image where there
    are none for all."""
    colours = list(map(list, stuff_colours))
    metadata = Metadata()
    metadata.set(
        thing_classes=list(things),
        thing_colors=PALETTES["thing"](len(things)),
        stuff_classes=list(stuff),
        stuff_colors=colours if len(colours) >= len(stuff) else PALETTES["stuff"](len(stuff)),
    )
    return metadata


def _describe_panoptic(result: PanopticSegmentation) -> str:
    kinds = [info["isthing"] for info in result.segments_info]
    things = [name for name, is_thing in zip(result.names, kinds, strict=True) if is_thing]
    return f"{_counted(things)}; {_number(len(kinds) - len(things), 'other segment')}"


def _describe_labels(result: LabelMap) -> str:
    shares = result.shares().items()
    return ", ".join(f"{name} {100 * share:.0f}%" for name, share in shares if share >= LEAST_SHARE)


def _top_classes(result: Classification) -> list[str]:
    """The most probable classes, such as ``cat 93%``."""
    return [f"{name} {100 * share:.0f}%" for name, share in result.top(TOP)]


_DESCRIBERS: dict[type[Result], Callable[[Any], str]] = {
    PanopticSegmentation: _describe_panoptic,
    LabelMap: _describe_labels,
    Detections: lambda result: _counted(result.names),
    Classification: lambda result: ", ".join(_top_classes(result)),
}


def _counted(names: Sequence[str]) -> str:
    counted = ", ".join(f"{number} × {name}" for name, number in Counter(names).most_common())
    return _number(len(names), "object") + (f": {counted}" if counted else "")


def _number(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
