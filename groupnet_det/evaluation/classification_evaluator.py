"""Top-1 and top-5 accuracy of a classifier."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from torch import Tensor
from torch.nn import functional as F

from groupnet_det.errors import ConfigError, TrainingError
from groupnet_det.evaluation.saved.classification_scores import (
    CLASS_SCORES,
    PREDICTIONS,
    Prediction,
    score_predictions,
    write_class_scores_csv,
    write_predictions_csv,
)

from .confusion_matrix import plot_confusion_matrix


class ClassificationEvaluator(DatasetEvaluator):
    """Score outputs ``{"logits": (C,)}`` against inputs ``{"file_name", "label"}``.

    An image that several processes predicted counts once. The output folder receives
    ``predictions.csv``, ``per_class.csv`` and ``confusion_matrix.png``.
    """

    def __init__(self, *, class_names: Sequence[str], output_dir: Path) -> None:
        self.class_names = list(class_names)
        self.output_dir = output_dir
        self.predictions: list[Prediction] = []

    def reset(self) -> None:
        self.predictions = []

    def process(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        """
        Raises:
            ConfigError: The number of logits is not the number of classes.
            TrainingError: The logits are not finite.
        """
        names = [record["file_name"] for record in inputs]
        labels = torch.tensor([record["label"] for record in inputs])
        logits = torch.stack([output["logits"].detach().float().cpu() for output in outputs])
        if logits.shape[1:] != (len(self.class_names),):
            raise ConfigError(
                f"the network gives logits of shape {tuple(logits.shape[1:])}, but the data set "
                f"has {len(self.class_names)} classes; set MODEL.CLASSIFIER.NUM_CLASSES "
                f"{len(self.class_names)}"
            )
        self.predictions.extend(_predict(names, labels, logits))

    def evaluate(self) -> dict[str, dict[str, float]] | None:
        """
        Returns:
            ``{"classification": {"top1", "top5", "cross_entropy"}}``, the first two in per cent,
            in the main process; None in others.

        Raises:
            DataError: There were no images.
        """
        gathered = comm.gather(self.predictions, dst=0)
        if not comm.is_main_process():
            return None
        unique = {p.file_name: p for part in gathered for p in part}
        predictions = list(unique.values())
        scores = score_predictions(predictions, self.class_names)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        write_predictions_csv(predictions, self.class_names, self.output_dir / PREDICTIONS)
        write_class_scores_csv(scores, self.output_dir / CLASS_SCORES)
        plot_confusion_matrix(
            scores.confusion, self.class_names, self.output_dir / "confusion_matrix.png"
        )
        return {"classification": scores.summary}


def _predict(names: list[str], labels: Tensor, logits: Tensor) -> list[Prediction]:
    """Make predictions from logits (N, C)."""
    finite = logits.isfinite().all(dim=1)
    if not finite.all():
        raise TrainingError(
            f"the network's logits for {names[int(finite.int().argmin())]} are not finite; its "
            "weights are unusable: train again with a lower SOLVER.BASE_LR, or load others"
        )
    best = logits.topk(min(5, logits.shape[1])).indices
    in_top5 = (best == labels[:, None]).any(dim=1)
    probability = logits.softmax(dim=1).gather(1, best[:, :1])[:, 0]
    cross_entropy = F.cross_entropy(logits, labels, reduction="none")
    columns = (labels, best[:, 0], probability, in_top5, cross_entropy)
    rows = zip(names, *(column.tolist() for column in columns), strict=True)
    return [Prediction(*row) for row in rows]
