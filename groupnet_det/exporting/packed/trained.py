"""Exports a packed file from a config and a checkpoint."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog
from detectron2.modeling import build_model
from detectron2.utils.file_io import PathManager

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.checkpoint.folder import local_weights, weights_file
from groupnet_det.config.network import float_baseline_of
from groupnet_det.data.catalog import class_names_of, stuff_names_of
from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.builder.tensor_store import TensorStore
from groupnet_det.exporting.packed.layers.last_layers import (
    FloatPredictors,
    Int8Predictors,
    Predictors,
)
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.packed.models.meta_architectures import export_model
from groupnet_det.exporting.packed.models.postprocessing_info import describe_score_threshold
from groupnet_det.exporting.packed.models.preprocessing_info import (
    describe_postprocessing,
    describe_preprocessing,
    task_of_model,
)
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.score_thresholds import ScoreThreshold

from .eight_bits.calibration import calibrate, calibrate_convs
from .eight_bits.calibration_images import DEFAULT_IMAGES, calibration_images
from .eight_bits.float_layers import FLAG, Float32Convs, FloatConvs, Int8Convs
from .file_sizes import float32_bytes

logger = logging.getLogger(__name__)

FINGERPRINT_CHUNK = 1 << 20


def load_trained(cfg: CfgNode) -> tuple[Any, dict[str, Any]]:
    """The network of `cfg` with the weights of ``MODEL.WEIGHTS``, all of them, in eval mode.

    Returns:
        The model on the CPU, and what else the checkpoint holds.

    Raises:
        ConfigError: ``MODEL.WEIGHTS`` is empty.
        CheckpointError: The file is missing, broken, or of another network.
    """
    if not cfg.MODEL.WEIGHTS:
        raise ConfigError(
            "MODEL.WEIGHTS is empty, so a random network would be exported; name the checkpoint"
        )
    model = build_model(with_chosen_nms(_on_cpu(cfg)))
    rest = Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
    return model.eval(), rest


PRECISIONS = ("float", "int8")


def make_predictors(
    cfg: CfgNode, model: Any, kind: str, num_images: int = DEFAULT_IMAGES
) -> Predictors:
    """Choose how the last layers are computed.

    Args:
        cfg: Its data sets are registered.
        model: A model from `load_trained`.
        kind: One of `PRECISIONS`.
        num_images: Number of images of ``DATASETS.TRAIN[0]`` that calibrate 8 bits.

    Raises:
        UserError: The images cannot be had, or there is nothing to choose.
    """
    lookup(dict.fromkeys(PRECISIONS), kind, "--predictors")
    if kind == "float":
        return FloatPredictors()
    if task_of_model(model) == "classification":
        raise ConfigError("--predictors int8 is for detectors and segmenters; leave it out here")
    return Int8Predictors(
        calibrate(model, calibration_images(cfg, num_images, "--predictors int8"))
    )


def make_float_convs(
    cfg: CfgNode, model: Any, kind: str, num_images: int = DEFAULT_IMAGES
) -> FloatConvs:
    """Choose how other convolutions in full precision are computed, such as those of shortcuts; see
    `make_predictors`.

    Raises:
        UserError: The images cannot be had.
    """
    lookup(dict.fromkeys(PRECISIONS), kind, FLAG)
    if kind == "float":
        return Float32Convs()
    return Int8Convs(calibrate_convs(model, calibration_images(cfg, num_images, f"{FLAG} int8")))


def export_trained(
    cfg: CfgNode,
    model: Any,
    rest: dict[str, Any],
    predictors: Predictors | None = None,
    float_convs: FloatConvs | None = None,
    score_threshold: ScoreThreshold | None = None,
    store: TensorStore | None = None,
) -> PackedFile:
    """Pack the network of `cfg`, with all that the file says about itself.

    Args:
        cfg: Its data sets are registered, for their class names.
        model, rest: The results of `load_trained`.
        predictors: A result of `make_predictors`; by default with floats.
        float_convs: A result of `make_float_convs`; by default with floats.
        score_threshold, store: See `export_model`.

    Raises:
        UserError: No program can compute this network, or a score threshold is none of it.
    """
    of_checkpoint = rest.get("class_names") or []
    settings = ExportSettings.from_config(cfg)
    about: dict[str, Any] = {"source": training_source(settings)}
    if task_of_model(model) == "panoptic_segmentation":
        about["stuff_class_names"] = stuff_class_names(settings.dataset, model, rest)
    return pack_network(
        settings,
        model,
        baseline_bytes=baseline_bytes(cfg),
        class_names=partial(class_names, settings.dataset, of_checkpoint),
        more=about,
        predictors=predictors,
        float_convs=float_convs,
        score_threshold=score_threshold,
        store=store,
    )


def baseline_bytes(cfg: CfgNode) -> int:
    """Bytes of the parameters and statistics of the full-precision baseline of `cfg`."""
    return float32_bytes(build_model(float_baseline_of(cfg)))


def pack_network(
    settings: ExportSettings,
    model: Any,
    *,
    baseline_bytes: int,
    class_names: Callable[[int], Sequence[str]],
    more: Mapping[str, Any] | None = None,
    predictors: Predictors | None = None,
    float_convs: FloatConvs | None = None,
    score_threshold: ScoreThreshold | None = None,
    store: TensorStore | None = None,
) -> PackedFile:
    """Pack a network, trained or not.

    Args:
        settings: The values of the config that built it.
        model: The network, on the CPU, in eval mode.
        baseline_bytes: The result of the function of this name.
        class_names: Gives as many as there are classes.
        more: Further members of the file's ``info``.
        predictors: A result of `make_predictors`; by default with floats.
        float_convs: A result of `make_float_convs`; by default with floats.
        score_threshold, store: See `export_model`.

    Raises:
        UserError: No program can compute this network, or a score threshold is none of it.
    """
    task = task_of_model(model)
    about = {
        "preprocessing": describe_preprocessing(settings, task),
        **(more or {}),
        "architecture": settings.architecture,
        "network_keys": settings.network_keys,
        "sizes": {
            "float32_twin": baseline_bytes,
            "float32_simulation": float32_bytes(model),
        },
    }
    if task == "classification":
        describe_score_threshold(score_threshold, ())  # refuses any
        names = class_names(model.fc.out_features)
        return export_classifier(
            model, class_names=names, info=about, float_convs=float_convs, store=store
        )
    about["postprocessing"] = describe_postprocessing(settings, task)
    return export_model(
        model,
        class_names=class_names,
        info=about,
        predictors=predictors,
        float_convs=float_convs,
        mask_threshold=settings.mask_threshold,
        score_threshold=score_threshold,
        store=store,
    )


def class_names(dataset: str, of_checkpoint: Sequence[str], number: int) -> list[str]:
    """Names of the checkpoint; else those of `dataset`, the first of ``DATASETS.TEST``; else
    numbers."""
    return _chosen(dataset, "classes", number, of_checkpoint, class_names_of)


def stuff_class_names(dataset: str, model: Any, rest: Mapping[str, Any]) -> list[str]:
    """Names of the labels of a panoptic network, found as `class_names` finds others.

    Args:
        model, rest: The results of `load_trained`.
    """
    of_checkpoint = (rest.get("metadata") or {}).get("stuff_classes") or []
    number = model.sem_seg_head.predictor.out_channels
    return _chosen(dataset, "stuff classes", number, of_checkpoint, stuff_names_of)


def _chosen(
    dataset: str,
    kind: str,
    number: int,
    of_checkpoint: Sequence[str],
    names_of: Callable[[str], Sequence[str] | None],
) -> list[str]:
    if len(of_checkpoint) == number:
        return list(of_checkpoint)
    reason = ""
    try:
        candidates = _names_of_data_set(dataset, names_of)
    except (UserError, OSError) as error:
        candidates, reason = [], f" ({error})"
    if len(candidates) == number:
        return list(candidates)
    logger.warning(
        f"neither the checkpoint nor DATASETS.TEST names {number} {kind}{reason}: numbers will do"
    )
    return [str(label) for label in range(number)]


def training_source(settings: ExportSettings) -> dict[str, str]:
    """The source of a packed file: digests of the config and of the checkpoint."""
    weights = weights_file(local_weights(settings.weights))
    with open(PathManager.get_local_path(weights), "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(FINGERPRINT_CHUNK):
            digest.update(chunk)
    return {
        "config_sha256": settings.config_sha256,
        "checkpoint": Path(settings.weights).name,
        "checkpoint_sha256": digest.hexdigest(),
    }


def _names_of_data_set(name: str, names_of: Callable[[str], Sequence[str] | None]) -> Sequence[str]:
    if name not in DatasetCatalog.list():
        return []
    if names_of(name) is None:
        DatasetCatalog.get(name)  # some data sets know their classes once they are read
    return names_of(name) or []


def _on_cpu(cfg: CfgNode) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cpu"
    return cfg
