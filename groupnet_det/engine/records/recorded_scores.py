"""The scores that a training noted in ``metrics.json``."""

import math
from pathlib import Path

from groupnet_det.errors import DataError

from .metrics_file import read_metrics
from .output_names import METRICS

# What evaluators call their scores -> what these are of. With several data sets, the data set's
# name stands before it.
SCORE_PREFIXES = {
    "bbox": "boxes",
    "segm": "masks",
    "sem_seg": "semantic segmentation",
    "panoptic_seg": "panoptic segmentation",
    "cityscapes": "Cityscapes' own scores",
    "classification": "classes",
}
# Before the data set's name where a slimmable network ran with fewer bases than it has: bases_1.
BASES_PREFIX = "bases_"


def recorded_scores(folder: Path, iteration: int) -> dict[str, float]:
    """The evaluation after an iteration, such as ``{"bbox/AP": 51.2, "bbox/AP-cat": 60.1, ...}``.

    Args:
        folder: ``OUTPUT_DIR`` of the training.
        iteration: The iteration that the checkpoint holds.

    Returns:
        Scores by name; those that are not numbers, as AP without detections, are left out. Nothing
        where none were noted.
    """
    try:
        rows = read_metrics(folder / METRICS)
    except DataError:
        return {}
    found: dict[str, float] = {}
    for row in rows:  # the one at the end of a training counts one further
        if row.get("iteration") in (iteration, iteration + 1):
            found |= {key: value for key, value in row.items() if _is_score(key)}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _is_score(name: str) -> bool:
    """Whether it is a score of an evaluator, and no loss or number of a training step."""
    return not SCORE_PREFIXES.keys().isdisjoint(name.split("/")[:-1])


def of_all_classes(scores: dict[str, float]) -> dict[str, float]:
    """Scores that are not of a single class (``bbox/AP-cat``, ``sem_seg/IoU-sky``)."""
    return {name: value for name, value in scores.items() if "-" not in name.split("/")[-1]}
