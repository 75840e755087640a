"""Predictors of trained models of every task, from images to results."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import Metadata
from detectron2.data import transforms as T
from detectron2.modeling import build_model
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import groupnet_det.modeling.register  # noqa: F401 (makes our parts known to Detectron2)
from groupnet_det.checkpoint.checkpointer import Checkpointer, read_checkpoint
from groupnet_det.checkpoint.folder import local_weights
from groupnet_det.checkpoint.provenance import stored_metadata
from groupnet_det.config import load_config, load_config_text, own_node
from groupnet_det.data.dataset_checks import TASKS_BY_ARCHITECTURE
from groupnet_det.data.datasets.registration import register_builtin_datasets
from groupnet_det.data.loading.semantic_mapper import inference_augmentations
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.images.decoding import (
    CHANNEL_ORDERS,
    FULL_SIZE,
    center_crop_transform,
    to_channels,
)
from groupnet_det.images.reading import AnyImage, read_image
from groupnet_det.modeling.heads.class_agnostic_nms import with_chosen_nms
from groupnet_det.packed.score_thresholds import (
    DEFAULT_THRESHOLDS,
    SCORE_THRESHOLD,
    ScoreThreshold,
    check_score_threshold,
    lowest_threshold,
    threshold_of_each_class,
)
from groupnet_det.runtime.base_predictor import BasePredictor
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.result import Result

from .packed_model import is_packed
from .trained_results import combination_of, object_names, result_of

Pixels = NDArray[np.uint8]  # RGB (H, W, 3)
WEIGHTS = "MODEL.WEIGHTS"


class ModelPredictor(BasePredictor):
    """A model of PyTorch, which sees images as in its evaluation."""

    def __init__(
        self, cfg: CfgNode, stored: Mapping[str, Any], *, score_threshold: ScoreThreshold
    ) -> None:
        """
        Args:
            cfg: With ``MODEL.WEIGHTS``.
            stored: What these hold, for class names.
            score_threshold: Score threshold: a number for all classes, or one by class name,
                where other classes have 0.5.

        Raises:
            UserError: Weights or config cannot be used.
        """
        self.preprocess = PREPROCESSING[
            TASKS_BY_ARCHITECTURE.get(cfg.MODEL.META_ARCHITECTURE, "detection")
        ](cfg)
        model = build_model(with_chosen_nms(cfg))
        Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
        self.model = wrap_for_testing(cfg, model).eval()
        register_builtin_datasets()  # whose names the config may give
        metadata = stored_metadata(stored, cfg)
        names = object_names(cfg, metadata)
        if names:  # which images without objects have too
            metadata = Metadata(**{**metadata.as_dict(), "thing_classes": names})
        self.metadata = metadata
        self.score_threshold = threshold_of_each_class(score_threshold, {}, names)
        self.combination = combination_of(cfg)

    def predict_batch(self, images: Sequence[AnyImage]) -> list[Result]:
        """Results for images, one after the other, with objects of at least the score threshold.

        Raises:
            DataError: An image cannot be used.
        """
        return [self._predict(image) for image in images]

    @torch.no_grad()
    def _predict(self, image: AnyImage) -> Result:
        pixels = read_image(image, least_side=FULL_SIZE)
        height, width = pixels.shape[:2]
        item = {"image": self.preprocess(pixels), "height": height, "width": width}
        outputs = self.model([item])[0]
        result = result_of(outputs, self.metadata, self.combination)
        return result.above(self.score_threshold)


def open_predictor(
    weights: str | os.PathLike[str] = "",
    *,
    config_file: str = "",
    options: Sequence[str] = (),
    score_threshold: ScoreThreshold = DEFAULT_THRESHOLDS,
) -> BasePredictor:
    """A network from its files, ready to predict.

    Args:
        weights: A packed file, a checkpoint or a folder of weights; empty where the config or the
            options name it.
        config_file: May be empty where the checkpoint carries its config.
        options: Config KEY VALUE pairs.
        score_threshold: See `PackedPredictor`.

    Raises:
        UserError: A file is missing or broken, or they do not belong together; or a threshold is
            none, or of an unknown class.
    """
    check_score_threshold(score_threshold)
    if len(options) % 2:
        raise ConfigError(f"--opts {' '.join(options)}: {options[-1]} has no value; give pairs")
    path = os.fspath(weights) or dict(zip(options[::2], options[1::2], strict=False)).get(
        WEIGHTS, ""
    )
    if not path and config_file:
        path = load_config(config_file, options).MODEL.WEIGHTS
    if not path:
        raise ConfigError(
            "there is no trained network: name a checkpoint or packed file by --weights"
        )
    if is_packed(path):
        _check_needs_no_config(path, config_file, options)
        return PackedPredictor(path, score_threshold=score_threshold)
    stored = read_checkpoint(path) if Path(local_weights(path)).exists() else {}
    cfg = trained_config(config_file, path, [*options, WEIGHTS, path], stored)
    if not torch.cuda.is_available():
        cfg.MODEL.DEVICE = "cpu"
    _set_score_threshold(cfg, score_threshold)
    cfg.freeze()
    return ModelPredictor(cfg, stored, score_threshold=score_threshold)


def _check_needs_no_config(path: str, config_file: str, options: Sequence[str]) -> None:
    if config_file or set(options[::2]) - {WEIGHTS}:
        raise ConfigError(
            f"{path} is a packed file, which needs no config and takes none; leave --config-file "
            "and other --opts away"
        )


def trained_config(
    config_file: str, weights: str, options: Sequence[str], stored: Mapping[str, Any]
) -> CfgNode:
    """The config of a checkpoint: that of `config_file`, or the one that it carries.

    Args:
        config_file: May be empty.
        weights: The checkpoint, for messages.
        options: Config KEY VALUE pairs.
        stored: What the checkpoint holds.

    Raises:
        ConfigError: There is none, or it cannot be used.
    """
    if config_file:
        return load_config(config_file, options)
    if not stored and not Path(weights).exists():
        raise ConfigError(f"{weights} does not exist; fix the path, or give --config-file")
    if not isinstance(stored.get("config"), str):
        raise ConfigError(f"{weights} carries no config; give that of its training: --config-file")
    return load_config_text(stored["config"], weights, options)


def _set_score_threshold(cfg: CfgNode, threshold: ScoreThreshold) -> None:
    """Have any detector give the objects of at least this score, or of the lowest one by class."""
    if isinstance(threshold, Mapping):
        threshold = lowest_threshold({"": SCORE_THRESHOLD, **threshold})
    for node in cfg.MODEL.values():
        if isinstance(node, CfgNode) and "SCORE_THRESH_TEST" in node:
            node.SCORE_THRESH_TEST = threshold
    cfg.MODEL.PANOPTIC_FPN.COMBINE.INSTANCES_CONFIDENCE_THRESH = threshold


def _augmented(cfg: CfgNode, augmentations: Sequence[T.Augmentation]) -> Callable[[Pixels], Tensor]:
    channels = lookup(CHANNEL_ORDERS, cfg.INPUT.FORMAT, "INPUT.FORMAT")

    return partial(_augment, augmentations=list(augmentations), channels=channels)


# Functions of the module, which can be pickled.
def _augment(pixels: Pixels, *, augmentations: list[T.Augmentation], channels: Any) -> Tensor:
    sample = T.AugInput(np.ascontiguousarray(pixels[:, :, channels]))
    T.AugmentationList(augmentations)(sample)
    return torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1)))


def _crop(pixels: Pixels, *, transform: Any, channels: Any) -> Tensor:
    return to_channels(transform(Image.fromarray(pixels)), channels)


def _for_detection(cfg: CfgNode) -> Callable[[Pixels], Tensor]:
    side = cfg.INPUT.MIN_SIZE_TEST
    return _augmented(cfg, [T.ResizeShortestEdge([side, side], cfg.INPUT.MAX_SIZE_TEST)])


def _for_segmentation(cfg: CfgNode) -> Callable[[Pixels], Tensor]:
    return _augmented(
        cfg, inference_augmentations(short_side=own_node(cfg, "INPUT.SEMANTIC").TEST_SHORT_SIDE)
    )


def _for_classification(cfg: CfgNode) -> Callable[[Pixels], Tensor]:
    options = own_node(cfg, "INPUT.CLASSIFICATION")
    transform = center_crop_transform(resize=options.TEST_RESIZE, crop=options.TEST_CROP)
    channels = lookup(CHANNEL_ORDERS, cfg.INPUT.FORMAT, "INPUT.FORMAT")
    return partial(_crop, transform=transform, channels=channels)


# What is done to images, by the task; the same as in evaluation.
PREPROCESSING: dict[str, Callable[[CfgNode], Callable[[Pixels], Tensor]]] = {
    "detection": _for_detection,
    "semantic segmentation": _for_segmentation,
    "classification": _for_classification,
}
