"""Accuracy of predicted classes, and its CSV files."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groupnet_det.errors import DataError

CLASS_SCORES = "per_class.csv"
PREDICTIONS = "predictions.csv"
PREDICTION_FIELDS = ("file", "label", "prediction", "probability")


class Prediction(NamedTuple):
    """The prediction of a network for one image.

    Attributes:
        label, predicted: Indices of classes.
        probability: Probability of the predicted class.
        in_top5: Whether the label is among the five best (or all, if there are fewer).
        cross_entropy: -log of the label's probability.
    """

    file_name: str
    label: int
    predicted: int
    probability: float
    in_top5: bool
    cross_entropy: float


@dataclass(frozen=True, kw_only=True)
class ClassificationScores:
    """Accuracies in per cent; nan for a class without images.

    Attributes:
        summary: ``top1`` and ``top5`` over all images, and their mean ``cross_entropy``.
        per_class: Class name -> (images, top-1, top-5).
        confusion: (C, C), images of class i predicted as class j.
    """

    summary: dict[str, float]
    per_class: dict[str, tuple[int, float, float]]
    confusion: NDArray[np.int64]


def score_predictions(
    predictions: Sequence[Prediction], class_names: Sequence[str]
) -> ClassificationScores:
    """Compute the accuracies of predictions.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("there are no predictions to score; is the data set empty?")
    labels = np.array([p.label for p in predictions])
    predicted = np.array([p.predicted for p in predictions])
    in_top5 = np.array([p.in_top5 for p in predictions])
    number = len(class_names)
    images = np.bincount(labels, minlength=number)
    top1 = _share(np.bincount(labels[labels == predicted], minlength=number), images)
    top5 = _share(np.bincount(labels[in_top5], minlength=number), images)
    return ClassificationScores(
        summary={
            "top1": 100 * float(np.mean(labels == predicted)),
            "top5": 100 * float(np.mean(in_top5)),
            "cross_entropy": float(np.mean([p.cross_entropy for p in predictions])),
        },
        per_class={
            name: (int(images[i]), float(top1[i]), float(top5[i]))
            for i, name in enumerate(class_names)
        },
        confusion=np.bincount(labels * number + predicted, minlength=number**2).reshape(
            number, number
        ),
    )


def write_class_scores_csv(scores: ClassificationScores, path: Path) -> None:
    """Write one row per class with its images, top-1 and top-5, and a last row ``all``."""
    total = int(scores.confusion.sum()), scores.summary["top1"], scores.summary["top5"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["class", "images", "top1", "top5"])
        for name, (images, top1, top5) in [*scores.per_class.items(), ("all", total)]:
            writer.writerow([name, images, f"{top1:.3f}", f"{top5:.3f}"])


def read_class_scores_csv(path: Path) -> dict[str, tuple[int, float, float]]:
    """Read a file of `write_class_scores_csv`: class name, or ``all`` -> images, top-1, top-5.

    Raises:
        DataError: The file has other columns, or a value is not a number.
    """
    try:
        with path.open(newline="") as file:
            return {
                row["class"]: (int(row["images"]), float(row["top1"]), float(row["top5"]))
                for row in csv.DictReader(file, strict=True)
            }
    except (csv.Error, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a file of scores by class: {error!r}") from error


def write_predictions_csv(
    predictions: Sequence[Prediction], class_names: Sequence[str], path: Path
) -> None:
    """Write one row per image: file, label, prediction (both by class name), probability."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PREDICTION_FIELDS)
        for p in predictions:
            names = class_names[p.label], class_names[p.predicted]
            writer.writerow([p.file_name, *names, f"{p.probability:.6f}"])


def read_predictions_csv(path: Path) -> list[dict[str, str]]:
    """Read the rows of `write_predictions_csv`.

    Raises:
        DataError: The file is missing, has other columns, or is empty.
    """
    if not path.is_file():
        raise DataError(f"predictions file {path} does not exist; evaluation writes it")
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"predictions file {path} is not a CSV file: {error}") from error
    if not rows or any(row.get(field) is None for row in rows for field in PREDICTION_FIELDS):
        raise DataError(
            f"predictions file {path} must have the columns {', '.join(PREDICTION_FIELDS)}, and a "
            "row per image"
        )
    return rows


def score_predictions_csv(path: Path) -> dict[str, tuple[int, float]]:
    """Class name -> (images, top-1 in per cent), and ``all`` at the end.

    Raises:
        DataError: The file cannot be used.
    """
    rows = read_predictions_csv(path)
    hits: dict[str, list[bool]] = {name: [] for name in sorted({row["label"] for row in rows})}
    for row in rows:
        hits[row["label"]].append(row["label"] == row["prediction"])
    hits["all"] = [hit for values in hits.values() for hit in values]
    return {name: (len(values), 100 * float(np.mean(values))) for name, values in hits.items()}


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # 0 / 0 is nan, as documented
        return 100 * part / whole
