"""Predictor of trained models of every task, from pixels to results."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

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
from groupnet_det.checkpoint.provenance import stored_looks
from groupnet_det.config import load_config, load_config_text, own_node
from groupnet_det.data.dataset_checks import TASKS
from groupnet_det.data.datasets.registration import register_builtin_datasets
from groupnet_det.data.loading.semantic_mapper import inference_augmentations
from groupnet_det.errors import ConfigError, lookup
from groupnet_det.evaluation.test_time_augmentation import wrap_for_testing
from groupnet_det.images.decoding import CHANNEL_ORDERS, center_crop_transform, to_channels
from groupnet_det.runtime.postprocessing.panoptic import PanopticSegmentation
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.detections import Detections

from .packed_model import is_packed, model_outputs

Pixels = NDArray[np.uint8]  # RGB (H, W, 3)
WEIGHTS = "MODEL.WEIGHTS"


class Predictor(Protocol):
    """What the demo needs of a network.

    Attributes:
        looks: Class names and colours.
    """

    looks: Metadata

    def __call__(self, pixels: Pixels) -> dict[str, Any]:
        """The outputs for one image, as of Detectron2's models: ``instances``, ``sem_seg``,
        ``panoptic_seg``; or ``logits``."""


class ModelPredictor:
    """A model of PyTorch, which sees images as in its evaluation."""

    def __init__(self, cfg: CfgNode, stored: Mapping[str, Any], *, threshold: float) -> None:
        """
        Args:
            cfg: With ``MODEL.WEIGHTS``.
            stored: What these hold, for class names.
            threshold: Score threshold of objects.

        Raises:
            UserError: Weights or config cannot be used.
        """
        self.threshold = threshold
        self.preprocess = PREPROCESSING[TASKS.get(cfg.MODEL.META_ARCHITECTURE, "detection")](cfg)
        model = build_model(cfg)
        Checkpointer(model, strict=True).load(cfg.MODEL.WEIGHTS)
        self.model = wrap_for_testing(cfg, model).eval()
        register_builtin_datasets()  # whose names the config may give
        self.looks = stored_looks(stored, cfg)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> dict[str, Any]:
        """See `Predictor`; objects are those of at least the threshold."""
        height, width = pixels.shape[:2]
        item = {"image": self.preprocess(pixels), "height": height, "width": width}
        outputs = dict(self.model([item])[0])
        if "instances" in outputs:
            instances = outputs["instances"].to("cpu")
            outputs["instances"] = instances[instances.scores >= self.threshold]
        return outputs


class PackedImagePredictor:
    """A packed network."""

    def __init__(self, path: str, *, threshold: float) -> None:
        """
        Args:
            path: The packed file.
            threshold: Score threshold of objects.

        Raises:
            PackedFileError: It cannot be used.
            ExtensionError: The compiled engine is missing.
        """
        self.predictor = PackedPredictor(path)
        self.threshold = threshold
        self.looks = Metadata()
        self.looks.set(**{CLASSES[self.predictor.task]: list(self.predictor.class_names)})
        if self.predictor.stuff_class_names:
            self.looks.set(stuff_classes=list(self.predictor.stuff_class_names))

    def __call__(self, pixels: Pixels) -> dict[str, Any]:
        """See `Predictor`; objects are those of at least the threshold."""
        answer = self.predictor(pixels)
        if isinstance(answer, Detections | PanopticSegmentation):
            answer = answer.above(self.threshold)
        return model_outputs(answer)


# Task of a packed file -> what Detectron2 calls its classes.
CLASSES = {
    "classification": "classes",
    "detection": "thing_classes",
    "instance_segmentation": "thing_classes",
    "semantic_segmentation": "stuff_classes",
    "panoptic_segmentation": "thing_classes",
}


def open_predictor(
    *, config_file: str, weights: str, options: Sequence[str], threshold: float
) -> Predictor:
    """A network from its files.

    Args:
        config_file: May be empty where the checkpoint carries its config.
        weights: A checkpoint or packed file; empty where the config or the options name it.
        options: Config KEY VALUE pairs.
        threshold: Score threshold of objects.

    Raises:
        UserError: A file is missing or broken, or they do not belong together.
    """
    check_threshold(threshold)
    if len(options) % 2:
        raise ConfigError(f"--opts {' '.join(options)}: {options[-1]} has no value; give pairs")
    weights = weights or dict(zip(options[::2], options[1::2], strict=False)).get(WEIGHTS, "")
    if not weights and config_file:
        weights = load_config(config_file, options).MODEL.WEIGHTS
    if not weights:
        raise ConfigError(
            "there is no trained network: name a checkpoint or packed file by --weights"
        )
    if is_packed(weights):
        return _open_packed(weights, config_file, options, threshold)
    stored = read_checkpoint(weights) if Path(weights).exists() else {}
    cfg = trained_config(config_file, weights, [*options, WEIGHTS, weights], stored)
    if not torch.cuda.is_available():
        cfg.MODEL.DEVICE = "cpu"
    set_threshold(cfg, threshold)
    cfg.freeze()
    return ModelPredictor(cfg, stored, threshold=threshold)


def _open_packed(
    path: str, config_file: str, options: Sequence[str], threshold: float
) -> Predictor:
    if config_file or set(options[::2]) - {WEIGHTS}:
        raise ConfigError(
            f"{path} is a packed file, which needs no config and takes none; leave --config-file "
            "and other --opts away"
        )
    return PackedImagePredictor(path, threshold=threshold)


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
    if not Path(weights).exists():
        raise ConfigError(f"{weights} does not exist; fix the path, or give --config-file")
    if not isinstance(stored.get("config"), str):
        raise ConfigError(f"{weights} carries no config; give that of its training: --config-file")
    return load_config_text(stored["config"], weights, options)


def check_threshold(threshold: float) -> None:
    """
    Raises:
        ConfigError: It is no score.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(
            f"the score threshold of objects (--score-threshold) is {threshold}; valid: 0 to 1"
        )


def set_threshold(cfg: CfgNode, threshold: float) -> None:
    """Make `threshold` the score threshold of the objects that any detector gives."""
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
