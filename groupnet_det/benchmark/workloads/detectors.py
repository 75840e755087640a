"""Detectors and segmenters of the sides, by the project's configs, with random weights."""

from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from numpy.typing import NDArray

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.analysis.random_weights import SEED, prepared
from groupnet_det.benchmark.measure.workload import ModelWork
from groupnet_det.config import load_config
from groupnet_det.errors import lookup
from groupnet_det.exporting.packed.layers.calibration import calibrate
from groupnet_det.exporting.packed.layers.last_layers import (
    FloatPredictors,
    Int8Predictors,
    Predictors,
)
from groupnet_det.exporting.packed.models.meta_architectures import export_model
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.paths import project_root

CONFIGS_FOLDER = project_root() / "configs"
# Config, and the keys that hold the number of classes.
CONFIGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "RetinaNet R18": (
        "COCO-Detection/retinanet_groupnet_r18_k4.yaml",
        ("MODEL.RETINANET.NUM_CLASSES",),
    ),
    "Faster R-CNN R18": (
        "COCO-Detection/faster_rcnn_groupnet_r18_k4.yaml",
        ("MODEL.ROI_HEADS.NUM_CLASSES",),
    ),
    "DeepLabV3 R18, BPAC": (
        "VOC-Segmentation/deeplabv3_groupnet_r18_bpac.yaml",
        ("MODEL.SEM_SEG_HEAD.NUM_CLASSES",),
    ),
}
FLOAT = ("MODEL.GROUPNET.METHOD", "float")
AS_IT_IS = {"kind": "shortest_edge", "min_size": 0, "max_size": 0}


def binary_model(work: ModelWork) -> Any:
    """The network as trained, with statistics of BN as a trained one has."""
    return _build(work, "MODEL.GROUPNET.NUM_BASES", str(work.num_bases))


def float_baseline(work: ModelWork) -> Any:
    """The same network in full precision, in channels-last layout."""
    return _build(work, *FLOAT).to(memory_format=torch.channels_last)


def packed_model(work: ModelWork) -> PackedFile:
    """The packed file of `binary_model`."""
    model = binary_model(work)
    info = {"preprocessing": {**AS_IT_IS, "format": config_of(work).INPUT.FORMAT}}
    if work.model.startswith("DeepLab"):
        info["postprocessing"] = {"inference": "whole"}
    return export_model(
        model,
        class_names=lambda number: [f"class {n}" for n in range(number)],
        info=info,
        predictors=lookup(_PREDICTORS, work.predictors, "predictors")(model, work),
    )


def image_of(work: ModelWork) -> NDArray[np.uint8]:
    """Random pixels (H, W, 3)."""
    generator = np.random.default_rng(SEED)
    return generator.integers(0, 256, (work.height, work.width, 3), dtype=np.uint8)


def batch_of(work: ModelWork) -> list[dict[str, Any]]:
    """The same image as Detectron2's models take it."""
    image = torch.from_numpy(image_of(work)).permute(2, 0, 1).contiguous()
    return [{"image": image, "height": work.height, "width": work.width}]


def config_of(work: ModelWork, *options: str) -> CfgNode:
    """The config of a work.

    Raises:
        ConfigError: Unknown model.
    """
    path, classes = lookup(CONFIGS, work.model, "--models")
    counts = (item for key in classes for item in (key, str(work.num_classes)))
    return load_config(str(CONFIGS_FOLDER / path), ["MODEL.DEVICE", "cpu", *counts, *options])


def _build(work: ModelWork, *options: str) -> Any:
    torch.manual_seed(SEED)
    return prepared(build_model(config_of(work, *options))).to(
        memory_format=torch.contiguous_format
    )


def _float_predictors(model: Any, work: ModelWork) -> Predictors:
    return FloatPredictors()


def _int8_predictors(model: Any, work: ModelWork) -> Predictors:
    return Int8Predictors(calibrate(model, [batch_of(work)]))


_PREDICTORS = {"float": _float_predictors, "int8": _int8_predictors}
