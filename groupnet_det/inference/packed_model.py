"""A packed file where Detectron2's evaluation expects a model."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog
from torch import nn

from groupnet_det.data.catalog import class_names_of, stuff_names_of, task_of
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.export_settings import ExportSettings
from groupnet_det.exporting.packed.models.preprocessing_info import describe_preprocessing
from groupnet_det.runtime.predictor import PackedPredictor
from groupnet_det.runtime.results.classification import Classification
from groupnet_det.runtime.results.detections import Detections
from groupnet_det.runtime.results.label_maps import LabelMap
from groupnet_det.runtime.results.panoptic_segmentation import PanopticSegmentation
from groupnet_det.runtime.results.result import Result

SUFFIX = ".gnp"
# Task of a packed file -> tasks of the data sets that it can be evaluated on.
DATA = {
    "classification": {"classification"},
    "detection": {"detection"},
    "instance_segmentation": {"detection"},
    "semantic_segmentation": {"semantic segmentation"},
    "panoptic_segmentation": {"detection"},
}

logger = logging.getLogger(__name__)


def is_packed(weights: str) -> bool:
    """Whether ``MODEL.WEIGHTS`` names a packed file."""
    return Path(weights).suffix == SUFFIX


class PackedModel(nn.Module):
    """A packed network with the call contract of Detectron2's models in evaluation: a list with a
    dict for each image (``image`` uint8 (C, H, W), ``height``, ``width``), to a list of dicts with
    ``logits``, ``instances`` or ``sem_seg``, or the last two and ``panoptic_seg``.

    Images are resized by the loader, as for the training model, and run one after the other, as
    that one pads images of several sizes to one.

    Attributes:
        prepares_images: Shows the evaluation that test-time augmentation must not wrap it.
    """

    prepares_images = True

    def __init__(self, path: str, *, backend: str = "native", bases: int | None = None) -> None:
        """
        Args:
            path: The packed file.
            backend: ``native`` or ``reference``, as of `PackedPredictor`.
            bases: As of `PackedPredictor`.

        Raises:
            PackedFileError: The file cannot be used.
            ExtensionError: The compiled engine is missing.
            ConfigError: Unknown `backend`.
        """
        super().__init__()
        self.predictor = PackedPredictor(path, backend=backend, bases=bases, score_threshold=None)
        self.eval()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """See the class."""
        return [self._outputs(item) for item in batched_inputs]

    def _outputs(self, item: Mapping[str, Any]) -> dict[str, Any]:
        image = item["image"].permute(1, 2, 0).numpy()
        pixels = torch.from_numpy(np.ascontiguousarray(image))[None]
        wanted = item.get("height", pixels.shape[1]), item.get("width", pixels.shape[2])
        return model_outputs(self.predictor.predict_pixels(pixels, wanted))


def model_outputs(result: Result) -> dict[str, Any]:
    """The outputs that a model of Detectron2 would return for the image: ``logits``, ``instances``
    or ``sem_seg``, or the last two and ``panoptic_seg``."""
    if isinstance(result, PanopticSegmentation):
        parts: tuple[Result, ...] = (result.label_map, result.detections, result)
    else:
        parts = (result,)
    return {_KEYS[type(part)]: part.to_detectron2() for part in parts}


_KEYS: dict[type[Result], str] = {
    Classification: "logits",
    Detections: "instances",
    LabelMap: "sem_seg",
    PanopticSegmentation: "panoptic_seg",
}


def build_packed_model(
    cfg: CfgNode, path: str, *, backend: str = "native", bases: int | None = None
) -> PackedModel:
    """The packed file, where the images of ``DATASETS.TEST`` are those that it was made for.

    Raises:
        ConfigError: The config has another order of channels, or a data set is for another task or
            has other classes.
        PackedFileError, ExtensionError: See `PackedModel`.
    """
    model = PackedModel(path, backend=backend, bases=bases)
    for dataset in cfg.DATASETS.TEST:
        _check_task(path, model, dataset)
    _compare_preprocessing(cfg, path, model)
    for dataset in cfg.DATASETS.TEST:
        _check_classes(path, model, dataset)
    return model


def _compare_preprocessing(cfg: CfgNode, path: str, model: PackedModel) -> None:
    """Say where images are resized otherwise than the file asks for; channels must agree."""
    wanted = dataclasses.asdict(model.predictor.preprocessing)
    found = describe_preprocessing(ExportSettings.from_config(cfg), model.predictor.task)
    if found["format"] != wanted["format"]:
        raise ConfigError(
            f"INPUT.FORMAT is {found['format']!r}, but {path} was made with {wanted['format']!r}; "
            "set it"
        )
    differing = [name for name in wanted if found[name] != wanted[name]]
    if differing:
        ours, theirs = (", ".join(f"{n} {of[n]}" for n in differing) for of in (found, wanted))
        logger.warning(f"the config resizes images with {ours}; {path} was made with {theirs}")


def _check_task(path: str, model: PackedModel, dataset: str) -> None:
    task = model.predictor.task
    if task_of(dataset) not in DATA[task]:
        raise ConfigError(
            f"data set {dataset!r} in DATASETS.TEST is for {task_of(dataset)}, but {path} for "
            f"{task.replace('_', ' ')}; name another one"
        )


def _check_classes(path: str, model: PackedModel, dataset: str) -> None:
    if class_names_of(dataset) is None:
        DatasetCatalog.get(dataset)  # notes them
    own = model.predictor.class_names
    _compare_names(path, dataset, "classes", tuple(class_names_of(dataset) or ()), own)
    stuff = stuff_names_of(dataset)
    if stuff is not None:
        own = model.predictor.stuff_class_names
        _compare_names(path, dataset, "stuff classes", tuple(stuff), own)


def _compare_names(
    path: str, dataset: str, kind: str, names: tuple[str, ...], own: tuple[str, ...]
) -> None:
    numbers = tuple(map(str, range(len(own))))  # where the export knew no names
    if names != own and not (own == numbers and len(names) == len(own)):
        raise ConfigError(
            f"data set {dataset!r} in DATASETS.TEST has the {kind} {_short(names)}, but {path} "
            f"was made for {_short(own)}; name a data set with these"
        )


def _short(names: tuple[str, ...]) -> str:
    if not names:
        return "none"
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} ... ({len(names)})"
