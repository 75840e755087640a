"""Exports an ONNX graph from a config and a checkpoint."""

from collections.abc import Callable
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.config import own_node
from groupnet_det.exporting.packed.trained import architecture_of, class_names, source_of
from groupnet_det.version import __version__

from .graph_export import OnnxModel, export_onnx
from .onnx_outputs import find_task


def export_trained_onnx(cfg: CfgNode, model: Any, rest: dict[str, Any]) -> OnnxModel:
    """Export the network of `cfg`, with all that the file says about itself.

    Args:
        cfg: Its data sets are registered, for their class names.
        model, rest: As of `load_trained`.

    Raises:
        UserError: The extra ``onnx`` is missing, or no ONNX file can be made of this network.
    """
    task = find_task(model)
    number = task.count_classes(model)
    metadata = {
        "class_names": class_names(cfg, rest.get("class_names") or [], number),
        "resize": RESIZING.get(task.name, _of_boxes)(cfg),
        "architecture": architecture_of(cfg),
        "source": source_of(cfg),
        "groupnet_det_version": __version__,
    }
    return export_onnx(model, image_format=cfg.INPUT.FORMAT, metadata=metadata)


def _of_classes(cfg: CfgNode) -> dict[str, int]:
    options = own_node(cfg, "INPUT.CLASSIFICATION")
    return {"shortest_side": options.TEST_RESIZE, "centre_crop": options.TEST_CROP}


def _of_labels(cfg: CfgNode) -> dict[str, int]:
    return {"shortest_side": own_node(cfg, "INPUT.SEMANTIC").TEST_SHORT_SIDE}


def _of_boxes(cfg: CfgNode) -> dict[str, int]:
    return {"shortest_side": cfg.INPUT.MIN_SIZE_TEST, "longest_side": cfg.INPUT.MAX_SIZE_TEST}


# What is done to an image beforehand where it is evaluated, in pixels; 0 for nothing.
RESIZING: dict[str, Callable[[CfgNode], dict[str, int]]] = {
    "classification": _of_classes,
    "semantic segmentation": _of_labels,
}
