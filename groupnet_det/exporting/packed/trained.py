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
from groupnet_det.checkpoint.folder import weights_file
from groupnet_det.config.network import float_baseline_of, network_keys
from groupnet_det.data.catalog import class_names_of, stuff_names_of
from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.exporting.packed.layers.calibration import calibrate
from groupnet_det.exporting.packed.layers.last_layers import (
    FloatPredictors,
    Int8Predictors,
    Predictors,
)
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.packed.models.meta_architectures import export_model
from groupnet_det.exporting.packed.models.preprocessing_info import (
    describe_postprocessing,
    describe_preprocessing,
    task_of_model,
)
from groupnet_det.packed.packed_file import PackedFile

from .calibration_images import DEFAULT_IMAGES, sample_batches
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
    model = build_model(_on_cpu(cfg))
    rest = Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
    return model.eval(), rest


PREDICTORS = ("float", "int8")


def make_predictors(
    cfg: CfgNode, model: Any, kind: str, num_images: int = DEFAULT_IMAGES
) -> Predictors:
    """How the last layers are computed.

    Args:
        cfg: Its data sets are registered.
        model: As of `load_trained`.
        kind: One of `PREDICTORS`.
        num_images: Of ``DATASETS.TEST[0]``, on which the scales of 8 bits are found.

    Raises:
        UserError: The images cannot be had, or there is nothing to choose.
    """
    lookup(dict.fromkeys(PREDICTORS), kind, "--predictors")
    if kind == "float":
        return FloatPredictors()
    if task_of_model(model) == "classification":
        raise ConfigError("--predictors int8 is for detectors and segmenters; leave it out here")
    return Int8Predictors(calibrate(model, sample_batches(cfg, num_images)))


def export_trained(
    cfg: CfgNode, model: Any, rest: dict[str, Any], predictors: Predictors | None = None
) -> PackedFile:
    """Pack the network of `cfg`, with all that the file says about itself.

    Args:
        cfg: Its data sets are registered, for their class names.
        model, rest: As of `load_trained`.
        predictors: As of `make_predictors`; with floats by default.

    Raises:
        UserError: No program can compute this network.
    """
    of_checkpoint = rest.get("class_names") or []
    about: dict[str, Any] = {"source": source_of(cfg)}
    if task_of_model(model) == "panoptic_segmentation":
        about["stuff_class_names"] = stuff_class_names(cfg, model, rest)
    return pack_network(
        cfg,
        model,
        class_names=partial(class_names, cfg, of_checkpoint),
        info=about,
        predictors=predictors,
    )


def pack_network(
    cfg: CfgNode,
    model: Any,
    *,
    class_names: Callable[[int], Sequence[str]],
    info: Mapping[str, Any] | None = None,
    predictors: Predictors | None = None,
) -> PackedFile:
    """Pack the network of `cfg`, trained or not.

    Args:
        model: On the CPU, in eval mode.
        class_names: Gives as many as there are classes.
        info: Further members of the file's ``info``.
        predictors: As of `make_predictors`; with floats by default.

    Raises:
        UserError: No program can compute this network.
    """
    task = task_of_model(model)
    about = {
        "preprocessing": describe_preprocessing(cfg, task),
        **(info or {}),
        "architecture": architecture_of(cfg),
        "network_keys": network_keys(cfg),
        "sizes": {
            "float32_twin": float32_bytes(build_model(float_baseline_of(cfg))),
            "float32_simulation": float32_bytes(model),
        },
    }
    if task == "classification":
        names = class_names(model.fc.out_features)
        return export_classifier(model, class_names=names, info=about)
    about["postprocessing"] = describe_postprocessing(cfg, task)
    return export_model(model, class_names=class_names, info=about, predictors=predictors)


def class_names(cfg: CfgNode, of_checkpoint: Sequence[str], number: int) -> list[str]:
    """Those of the checkpoint; else those of ``DATASETS.TEST[0]``; else numbers."""
    return _chosen(cfg, "classes", number, of_checkpoint, class_names_of)


def stuff_class_names(cfg: CfgNode, model: Any, rest: Mapping[str, Any]) -> list[str]:
    """As `class_names`, of the labels of a panoptic network.

    Args:
        model, rest: As of `load_trained`.
    """
    of_checkpoint = (rest.get("looks") or {}).get("stuff_classes") or []
    number = model.sem_seg_head.predictor.out_channels
    return _chosen(cfg, "stuff classes", number, of_checkpoint, stuff_names_of)


def _chosen(
    cfg: CfgNode,
    kind: str,
    number: int,
    of_checkpoint: Sequence[str],
    names_of: Callable[[str], Sequence[str] | None],
) -> list[str]:
    if len(of_checkpoint) == number:
        return list(of_checkpoint)
    reason = ""
    try:
        candidates = _names_of_data_set(cfg, names_of)
    except (UserError, OSError) as error:
        candidates, reason = [], f" ({error})"
    if len(candidates) == number:
        return list(candidates)
    logger.warning(
        f"neither the checkpoint nor DATASETS.TEST names {number} {kind}{reason}: numbers will do"
    )
    return [str(label) for label in range(number)]


def source_of(cfg: CfgNode) -> dict[str, str]:
    """Where a packed file comes from: digests of the config and of the checkpoint."""
    with open(PathManager.get_local_path(weights_file(cfg.MODEL.WEIGHTS)), "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(FINGERPRINT_CHUNK):
            digest.update(chunk)
    return {
        "config_sha256": hashlib.sha256(cfg.dump().encode()).hexdigest(),
        "checkpoint": Path(cfg.MODEL.WEIGHTS).name,
        "checkpoint_sha256": digest.hexdigest(),
    }


def architecture_of(cfg: CfgNode) -> dict[str, Any]:
    """The keys that say which network it is."""
    options = cfg.MODEL.GROUPNET
    keys = [key for key, value in options.items() if not isinstance(value, CfgNode)]
    summary = {key.lower(): options[key] for key in keys}
    return {
        "meta_architecture": cfg.MODEL.META_ARCHITECTURE,
        "backbone": cfg.MODEL.BACKBONE.NAME,
        "backbone_method": options.PARTS.BACKBONE,
        "parts": {key.lower(): method for key, method in options.PARTS.items()},
        **summary,
    }


def _names_of_data_set(
    cfg: CfgNode, names_of: Callable[[str], Sequence[str] | None]
) -> Sequence[str]:
    if not cfg.DATASETS.TEST or cfg.DATASETS.TEST[0] not in DatasetCatalog.list():
        return []
    name = cfg.DATASETS.TEST[0]
    if names_of(name) is None:
        DatasetCatalog.get(name)  # some data sets know their classes once they are read
    return names_of(name) or []


def _on_cpu(cfg: CfgNode) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cpu"
    return cfg
