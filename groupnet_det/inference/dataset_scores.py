"""Scores and predictions of a network on a data set, by the project's loaders and evaluators."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import DatasetEvaluator, DatasetEvaluators, inference_on_dataset
from detectron2.evaluation.testing import flatten_results_dict
from torch import Tensor, nn

from groupnet_det.data.loading.loaders import build_test_loader
from groupnet_det.evaluation.evaluators import build_evaluator
from groupnet_det.exporting.verify.agreement import ImagePrediction, predictions_of


@dataclass(frozen=True, kw_only=True)
class DatasetScores:
    """The scores of a network on a data set.

    Attributes:
        values: Scores by name, such as ``bbox/AP``, in per cent.
        predictions: Predictions of each image, in the order of the data set.
    """

    values: dict[str, float]
    predictions: Sequence[dict[str, ImagePrediction]]

    @property
    def num_images(self) -> int:
        return len(self.predictions)


class _PredictionRecorder(DatasetEvaluator):
    """Keeps the predictions that are compared."""

    def __init__(self) -> None:
        self.predictions: list[dict[str, ImagePrediction]] = []

    def reset(self) -> None:
        self.predictions = []

    def process(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        self.predictions += map(predictions_of, outputs)


def score_dataset(cfg: CfgNode, model: nn.Module, dataset: str) -> DatasetScores:
    """Evaluate a model in eval mode, in one process; the evaluator's files are not kept."""
    recorder = _PredictionRecorder()
    with tempfile.TemporaryDirectory() as folder:
        own = cfg.clone()
        own.defrost()
        own.OUTPUT_DIR = folder
        loader: Any = build_test_loader(cfg, dataset)
        evaluators = DatasetEvaluators([build_evaluator(own, dataset), recorder])
        results = inference_on_dataset(model, loader, evaluators)
    return DatasetScores(values=flatten_results_dict(results), predictions=recorder.predictions)


def first_images(cfg: CfgNode, dataset: str, number: int) -> list[Tensor]:
    """The first images of a data set as the network sees them, uint8 (1, H, W, C) each."""
    images: list[Tensor] = []
    for batch in build_test_loader(cfg, dataset):
        images += [item["image"].permute(1, 2, 0).contiguous()[None] for item in batch]
        if len(images) >= number:
            break
    return images[:number]
