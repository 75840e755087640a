"""Detectors and segmenters that are timed, by the project's configs, with random weights."""

from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from numpy.typing import NDArray

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.analysis.random_weights import SEED, prepared
from groupnet_det.benchmark.measure.workload import ModelWorkload
from groupnet_det.config import load_config
from groupnet_det.errors import lookup
from groupnet_det.exporting.packed.eight_bits.calibration import calibrate
from groupnet_det.exporting.packed.layers.last_layers import (
    FloatPredictors,
    Int8Predictors,
    Predictors,
)
from groupnet_det.exporting.packed.models.meta_architectures import export_model
from groupnet_det.files.paths import project_root
from groupnet_det.packed.packed_file import PackedFile

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


def binary_model(workload: ModelWorkload) -> Any:
    """The network as trained, with statistics of BN as a trained one has."""
    return _build(workload, "MODEL.GROUPNET.NUM_BASES", str(workload.num_bases))


def float_baseline(workload: ModelWorkload) -> Any:
    """The same network in full precision, in channels-last layout."""
    return _build(workload, *FLOAT).to(memory_format=torch.channels_last)


def packed_model(workload: ModelWorkload) -> PackedFile:
    """The packed file of `binary_model`."""
    model = binary_model(workload)
    info = {"preprocessing": {**AS_IT_IS, "format": config_of(workload).INPUT.FORMAT}}
    if workload.model.startswith("DeepLab"):
        info["postprocessing"] = {"inference": "whole"}
    return export_model(
        model,
        class_names=lambda number: [f"class {n}" for n in range(number)],
        info=info,
        predictors=lookup(_PREDICTORS, workload.predictors, "predictors")(model, workload),
    )


def image_of(workload: ModelWorkload) -> NDArray[np.uint8]:
    """Random pixels (H, W, 3)."""
    generator = np.random.default_rng(SEED)
    return generator.integers(0, 256, (workload.height, workload.width, 3), dtype=np.uint8)


def batch_of(workload: ModelWorkload) -> list[dict[str, Any]]:
    """The same image as Detectron2's models take it."""
    image = torch.from_numpy(image_of(workload)).permute(2, 0, 1).contiguous()
    return [{"image": image, "height": workload.height, "width": workload.width}]


def config_of(workload: ModelWorkload, *options: str) -> CfgNode:
    """The config of a workload.

    Raises:
        ConfigError: Unknown model.
    """
    path, classes = lookup(CONFIGS, workload.model, "--models")
    counts = (item for key in classes for item in (key, str(workload.num_classes)))
    return load_config(str(CONFIGS_FOLDER / path), ["MODEL.DEVICE", "cpu", *counts, *options])


def _build(workload: ModelWorkload, *options: str) -> Any:
    torch.manual_seed(SEED)
    return prepared(build_model(config_of(workload, *options))).to(
        memory_format=torch.contiguous_format
    )


def _float_predictors(model: Any, workload: ModelWorkload) -> Predictors:
    return FloatPredictors()


def _int8_predictors(model: Any, workload: ModelWorkload) -> Predictors:
    return Int8Predictors(calibrate(model, [batch_of(workload)]))


_PREDICTORS = {"float": _float_predictors, "int8": _int8_predictors}
