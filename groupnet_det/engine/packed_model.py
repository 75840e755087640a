"""A packed file where Detectron2's evaluation expects a model."""

import logging
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.runtime.predictor import OUTPUT, PackedPredictor

SUFFIX = ".gnp"

logger = logging.getLogger(__name__)


def is_packed(weights: str) -> bool:
    """Whether ``MODEL.WEIGHTS`` names a packed file."""
    return Path(weights).suffix == SUFFIX


class PackedClassifier(nn.Module):
    """A packed classifier with the call contract of `ImageClassifier` in evaluation: a list with a
    dict for each image, ``image`` uint8 (C, H, W), to a list of dicts with ``logits``.

    Images are resized and cut by the loader, as for the training model. Unlike that one, it does
    not pad images of several sizes to one.
    """

    def __init__(self, path: str, *, backend: str = "native") -> None:
        """
        Args:
            path: The packed file.
            backend: ``native`` or ``reference``, as of `PackedPredictor`.

        Raises:
            PackedFileError: The file cannot be used.
            ExtensionError: The compiled engine is absent.
            ConfigError: Unknown `backend`.
        """
        super().__init__()
        self.predictor = PackedPredictor(path, backend=backend)
        self.eval()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, Tensor]]:
        """See the class."""
        images = [item["image"].permute(1, 2, 0) for item in batched_inputs]
        if len({image.shape for image in images}) == 1:
            logits = self._run(torch.stack(images))
        else:
            logits = torch.cat([self._run(image[None]) for image in images])
        return [{"logits": row} for row in logits]

    def _run(self, images: Tensor) -> Tensor:
        return self.predictor.network(images.contiguous())[OUTPUT].flatten(1)


def build_packed_model(cfg: CfgNode, path: str, *, backend: str = "native") -> PackedClassifier:
    """The packed file, where the images of ``DATASETS.TEST`` are those that it was made for.

    Raises:
        ConfigError: The config has another order of channels, or a data set has other classes.
        PackedFileError, ExtensionError: As `PackedClassifier`.
    """
    model = PackedClassifier(path, backend=backend)
    own = model.predictor.preprocessing
    if own.format != cfg.INPUT.FORMAT:
        raise ConfigError(
            f"INPUT.FORMAT is {cfg.INPUT.FORMAT!r}, but {path} was made with {own.format!r}; set it"
        )
    options = cfg.INPUT.CLASSIFICATION
    if (own.resize, own.crop) != (options.TEST_RESIZE, options.TEST_CROP):
        logger.warning(
            f"INPUT.CLASSIFICATION has TEST_RESIZE {options.TEST_RESIZE} and TEST_CROP "
            f"{options.TEST_CROP}; {path} was made with {own.resize} and {own.crop}"
        )
    for dataset in cfg.DATASETS.TEST:
        _check_classes(path, model, dataset)
    return model


def _check_classes(path: str, model: PackedClassifier, dataset: str) -> None:
    if "classes" not in MetadataCatalog.get(dataset).as_dict():
        DatasetCatalog.get(dataset)  # notes them
    names = tuple(MetadataCatalog.get(dataset).get("classes", ()))
    own = model.predictor.class_names
    numbers = tuple(map(str, range(len(own))))  # where the export knew no names
    if names != own and not (own == numbers and len(names) == len(own)):
        raise ConfigError(
            f"data set {dataset!r} in DATASETS.TEST has the classes {_short(names)}, but {path} "
            f"was made for {_short(own)}; name a data set with these"
        )


def _short(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} ... ({len(names)})"
