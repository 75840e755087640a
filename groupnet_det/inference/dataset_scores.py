"""Scores of a network on a data set, by the project's loaders and evaluators."""

import tempfile
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import inference_on_dataset
from detectron2.evaluation.testing import flatten_results_dict
from torch import Tensor, nn

from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.errors import ConfigError
from groupnet_det.evaluation.classification_evaluator import ClassificationEvaluator
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.exporting.verify.predictions import Answers


def classify_dataset(cfg: CfgNode, model: nn.Module, dataset: str) -> Answers:
    """Evaluate a model in eval mode; the evaluator's files are not kept.

    Raises:
        ConfigError: The data set is none of classification.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = cfg.clone()
        own.defrost()
        own.OUTPUT_DIR = folder
        evaluator = build_evaluator(own, dataset)
        if not isinstance(evaluator, ClassificationEvaluator):
            raise ConfigError(f"data set {dataset!r} in DATASETS.TEST is none of classification")
        results = inference_on_dataset(model, build_test_loader(cfg, dataset), evaluator)
    predicted = {p.file_name: p.predicted for p in evaluator.predictions}
    return Answers(top1=results["classification"]["top1"], predicted=predicted)


def score_dataset(cfg: CfgNode, model: nn.Module, dataset: str) -> tuple[dict[str, float], int]:
    """Evaluate a detector or segmenter in eval mode; the evaluator's files are not kept.

    Returns:
        Scores by name, such as ``bbox/AP``, in per cent, and the number of images.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = cfg.clone()
        own.defrost()
        own.OUTPUT_DIR = folder
        loader: Any = build_test_loader(cfg, dataset)
        results = inference_on_dataset(model, loader, build_evaluator(own, dataset))
    return flatten_results_dict(results), len(loader.dataset)


def first_images(cfg: CfgNode, dataset: str, number: int) -> list[Tensor]:
    """The first images of a data set as the network sees them, uint8 (1, H, W, C) each."""
    images: list[Tensor] = []
    for batch in build_test_loader(cfg, dataset):
        images += [item["image"].permute(1, 2, 0).contiguous()[None] for item in batch]
        if len(images) >= number:
            break
    return images[:number]
