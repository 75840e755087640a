"""What a classifier says of a data set, by the project's loader and evaluator."""

import tempfile

import torch
from detectron2.config import CfgNode
from detectron2.evaluation import inference_on_dataset
from torch import Tensor, nn

from groupnet_det.data.loaders import build_test_loader
from groupnet_det.deploy.verification import Answers
from groupnet_det.errors import ConfigError
from groupnet_det.evaluation.classification import ClassificationEvaluator
from groupnet_det.evaluation.evaluators import build_evaluator


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


def first_images(cfg: CfgNode, dataset: str, number: int) -> Tensor:
    """The first images of a data set as the network sees them, uint8 (N, H, W, C)."""
    images: list[Tensor] = []
    for batch in build_test_loader(cfg, dataset):
        images += [item["image"].permute(1, 2, 0) for item in batch]
        if len(images) >= number:
            break
    return torch.stack(images[:number]).contiguous()
