"""Preparation of images, and of results, from the config as plain JSON.

docs/packed-format.md, "Tasks", has the meaning.
"""

from collections.abc import Callable
from typing import Any

from detectron2.config import CfgNode

from groupnet_det.config import own_node
from groupnet_det.errors import ConfigError, lookup
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


def describe_preprocessing(cfg: CfgNode, task: str) -> dict[str, Any]:
    """How an image of any kind becomes what the network sees, as in evaluation.

    Raises:
        ConfigError: ``INPUT.FORMAT`` is one that a packed file does not know.
    """
    lookup(CHANNEL_ORDERS, cfg.INPUT.FORMAT, "INPUT.FORMAT")
    return {**_PREPROCESSING[task](cfg), "format": cfg.INPUT.FORMAT}


def describe_postprocessing(cfg: CfgNode, task: str) -> dict[str, Any]:
    """What the network itself does not know of what follows it.

    Raises:
        ConfigError: ``TEST.AUG.ENABLED``, which a packed file cannot do.
    """
    if task != "semantic_segmentation":
        return {}
    if cfg.TEST.AUG.ENABLED:
        raise ConfigError(
            "TEST.AUG.ENABLED is set, and a packed file sees an image once; switch it off"
        )
    options = own_node(cfg, "TEST.SEMANTIC")
    if not lookup(INFERENCE, options.INFERENCE, "TEST.SEMANTIC.INFERENCE"):
        return {"inference": options.INFERENCE}
    return {
        "inference": options.INFERENCE,
        "window": list(options.WINDOW),
        "stride": list(options.STRIDE),
    }


def _of_classifier(cfg: CfgNode) -> dict[str, Any]:
    options = own_node(cfg, "INPUT.CLASSIFICATION")
    return {
        "kind": "classification",
        "resize": options.TEST_RESIZE,
        "crop": options.TEST_CROP,
    }


def _of_detector(cfg: CfgNode) -> dict[str, Any]:
    return {
        "kind": "shortest_edge",
        "min_size": cfg.INPUT.MIN_SIZE_TEST,
        "max_size": cfg.INPUT.MAX_SIZE_TEST,
    }


def _of_segmenter(cfg: CfgNode) -> dict[str, Any]:
    return {
        "kind": "shortest_edge",
        "min_size": own_node(cfg, "INPUT.SEMANTIC").TEST_SHORT_SIDE,
        "max_size": NO_RESIZING,
    }


_PREPROCESSING: dict[str, Callable[[CfgNode], dict[str, Any]]] = {
    "classification": _of_classifier,
    "detection": _of_detector,
    "instance_segmentation": _of_detector,
    "panoptic_segmentation": _of_detector,
    "semantic_segmentation": _of_segmenter,
}
