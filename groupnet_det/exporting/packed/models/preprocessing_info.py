"""Preparation of images, and of results, from the config as plain JSON.

docs/reference/packed-format.md, "Tasks", has the meaning.
"""

from collections.abc import Callable
from typing import Any

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.images.decoding import CHANNEL_ORDERS
from groupnet_det.modeling.meta_arch.semantic_inference import INFERENCE

NO_RESIZING = 0


def task_of_model(model: Any) -> str:
    """``classification``, ``semantic_segmentation``, ``panoptic_segmentation``, or ``detection``,
    with or without masks."""
    if hasattr(model, "fc"):
        return "classification"
    if not hasattr(model, "sem_seg_head"):
        return "detection"
    return "panoptic_segmentation" if hasattr(model, "roi_heads") else "semantic_segmentation"


def describe_preprocessing(settings: ExportSettings, task: str) -> dict[str, Any]:
    """Describe how an image of any kind becomes the network's input, as in evaluation.

    Raises:
        ConfigError: ``INPUT.FORMAT`` is one that a packed file does not know.
    """
    lookup(CHANNEL_ORDERS, settings.image_format, "INPUT.FORMAT")
    return {**_PREPROCESSING[task](settings), "format": settings.image_format}


def describe_postprocessing(settings: ExportSettings, task: str) -> dict[str, Any]:
    """Describe the postprocessing that the network itself does not know.

    Raises:
        ConfigError: ``TEST.AUG.ENABLED``, which a packed file cannot do.
    """
    if task != "semantic_segmentation":
        return {}
    if settings.is_augmented:
        raise ConfigError(
            "TEST.AUG.ENABLED is set, and a packed file sees an image once; switch it off"
        )
    if not lookup(INFERENCE, settings.inference, "TEST.SEMANTIC.INFERENCE"):
        return {"inference": settings.inference}
    return {
        "inference": settings.inference,
        "window": list(settings.window),
        "stride": list(settings.stride),
    }


def _of_classifier(settings: ExportSettings) -> dict[str, Any]:
    resize, crop = settings.classifier_sides
    return {"kind": "classification", "resize": resize, "crop": crop}


def _of_detector(settings: ExportSettings) -> dict[str, Any]:
    shortest, longest = settings.detector_sides
    return {"kind": "shortest_edge", "min_size": shortest, "max_size": longest}


def _of_segmenter(settings: ExportSettings) -> dict[str, Any]:
    return {
        "kind": "shortest_edge",
        "min_size": settings.segmenter_side,
        "max_size": NO_RESIZING,
    }


_PREPROCESSING: dict[str, Callable[[ExportSettings], dict[str, Any]]] = {
    "classification": _of_classifier,
    "detection": _of_detector,
    "instance_segmentation": _of_detector,
    "panoptic_segmentation": _of_detector,
    "semantic_segmentation": _of_segmenter,
}
