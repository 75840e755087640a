"""Exports an ONNX graph from a config and a checkpoint."""

from collections.abc import Callable
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.trained import class_names, training_source
from groupnet_det.version import __version__

from .graph_export import OnnxModel, export_onnx
from .onnx_outputs import find_task


def export_trained_onnx(cfg: CfgNode, model: Any, rest: dict[str, Any]) -> OnnxModel:
    """Export the network of `cfg`, with all that the file says about itself.

    Args:
        cfg: Its data sets are registered, for their class names.
        model, rest: The results of `load_trained`.

    Raises:
        UserError: The extra ``onnx`` is missing, or no ONNX file can be made of this network.
    """
    settings = ExportSettings.from_config(cfg)
    task = find_task(model)
    number = task.count_classes(model)
    metadata = {
        "class_names": class_names(settings.dataset, rest.get("class_names") or [], number),
        "resize": RESIZING.get(task.name, _of_boxes)(settings),
        "architecture": settings.architecture,
        "source": training_source(settings),
        "groupnet_det_version": __version__,
    }
    return export_onnx(model, image_format=settings.image_format, metadata=metadata)


def _of_classes(settings: ExportSettings) -> dict[str, int]:
    return dict(zip(("shortest_side", "centre_crop"), settings.classifier_sides, strict=True))


def _of_labels(settings: ExportSettings) -> dict[str, int]:
    return {"shortest_side": settings.segmenter_side}


def _of_boxes(settings: ExportSettings) -> dict[str, int]:
    return dict(zip(("shortest_side", "longest_side"), settings.detector_sides, strict=True))


# How an image is resized before its evaluation, in pixels; 0 for not at all.
RESIZING: dict[str, Callable[[ExportSettings], dict[str, int]]] = {
    "classification": _of_classes,
    "semantic segmentation": _of_labels,
}
