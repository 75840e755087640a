"""Scores of predicted masks, and their CSV file."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Columns of per_class.csv, and their keys in Detectron2's results.
CLASS_COLUMNS = {"IoU": "IoU", "accuracy": "ACC", "boundary IoU": "BoundaryIoU"}
# The same for its last row, all classes together.
SUMMARY_COLUMNS = {"IoU": "mIoU", "accuracy": "mACC"}
# Scores over all pixels.
SUMMARY_KEYS = ("mIoU", "pACC", "mACC", "fwIoU")


@dataclass(frozen=True, kw_only=True)
class SemanticScores:
    """
    Attributes:
        class_names: C names.
        results: Scores of Detectron2's evaluator in per cent: ``mIoU``, ``fwIoU``, ``pACC`` (pixel
            accuracy), ``mACC`` (its mean over the classes), and for each class ``IoU-<class>``,
            ``ACC-<class>`` and, with OpenCV, ``BoundaryIoU-<class>``. nan for a class without
            pixels in the masks; the means leave it out.
        confusion: (C, C), pixels of class i predicted as class j.
    """

    class_names: list[str]
    results: dict[str, float]
    confusion: NDArray[np.int64]

    @property
    def summary(self) -> dict[str, float]:
        return {key: self.results[key] for key in SUMMARY_KEYS}

    def rows(self) -> list[dict[str, str | int | float]]:
        """Pixels and scores by column, for each class and finally for ``all``."""
        columns = {
            column: key
            for column, key in CLASS_COLUMNS.items()
            if all(f"{key}-{name}" in self.results for name in self.class_names)
        }
        pixels = self.confusion.sum(axis=1)
        of_classes: list[dict[str, str | int | float]] = [
            {
                "class": name,
                "pixels": int(number),
                **{column: self.results[f"{key}-{name}"] for column, key in columns.items()},
            }
            for name, number in zip(self.class_names, pixels, strict=True)
        ]
        means = {column: self.results[key] for column, key in SUMMARY_COLUMNS.items()}
        return [*of_classes, {"class": "all", "pixels": int(pixels.sum()), **means}]


def write_semantic_scores_csv(scores: SemanticScores, path: Path) -> None:
    """Write one row per class with its pixels and scores, and a last row ``all``."""
    rows = scores.rows()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    column: f"{value:.3f}" if isinstance(value, float) else value
                    for column, value in row.items()
                }
            )
