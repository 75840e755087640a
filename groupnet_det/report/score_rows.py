"""Scores of evaluations from the rows of ``metrics.json``."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from groupnet_det.engine.records.recorded_scores import BASES_PREFIX, SCORE_PREFIXES

# The scores with a curve; the first one that exists represents the training.
LEADING = ("AP", "AP50", "AP75", "mIoU", "pACC", "top1", "top5", "PQ", "IoU")
# A score, a hyphen and its class; Detectron2's "min(IoU, B-Iou)-cat" has one more hyphen.
NAME_AND_CLASS = re.compile(r"(?P<name>[^-(]*(?:\([^)]*\))?)(?:-(?P<class_name>.*))?", re.DOTALL)
LABELS = {"top1": "top-1", "top5": "top-5", "pACC": "pixel accuracy"}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A name in metrics.json, such as ``photo_digits_val/bbox/AP-3``, in its parts.

    Attributes:
        key: The full name.
        dataset: Name of the data set; empty if there is only one.
        task: A key of `SCORE_PREFIXES`.
        name: Name of the score, such as ``AP``.
        class_name: Name of the class; empty for all classes together.
    """

    key: str
    dataset: str
    task: str
    name: str
    class_name: str

    @property
    def group(self) -> tuple[str, str]:
        return self.dataset, self.task

    @property
    def title(self) -> str:
        """Title of the data set and task of the score."""
        return SCORE_PREFIXES[self.task] + (f", {self.dataset}" if self.dataset else "")


def parse_metric(key: str) -> Metric | None:
    """Parse a name; None if it is not a score, but for example a loss."""
    parts = key.split("/")
    index = next((i for i, part in enumerate(parts[:-1]) if part in SCORE_PREFIXES), None)
    if index is None:
        return None
    match = NAME_AND_CLASS.fullmatch("/".join(parts[index + 1 :]))
    if match is None:
        return None
    return Metric(
        key=key,
        dataset="/".join(parts[:index]),
        task=parts[index],
        name=match["name"],
        class_name=match["class_name"] or "",
    )


def group_metrics(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[Metric]]:
    """All scores of a training by data set and task, in the order of the rows; those of a slimmable
    network with fewer bases come last."""
    found = dict.fromkeys(key for row in rows for key in row)
    keys = sorted(found, key=lambda key: key.startswith(BASES_PREFIX))
    groups: dict[tuple[str, str], list[Metric]] = {}
    for metric in filter(None, map(parse_metric, keys)):
        groups.setdefault(metric.group, []).append(metric)
    return groups


def values_of(rows: Sequence[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    """Iterations and values of a score."""
    return [(row["iteration"], float(row[key])) for row in rows if row.get(key) is not None]


def last_value(rows: Sequence[dict[str, Any]], key: str) -> float:
    return values_of(rows, key)[-1][1]


def best_value(rows: Sequence[dict[str, Any]], key: str) -> tuple[int, float] | None:
    """Iteration and value of the highest score; None if there are only nan."""
    known = [pair for pair in values_of(rows, key) if math.isfinite(pair[1])]
    return max(known, key=lambda pair: pair[1], default=None)


def leading(metrics: Sequence[Metric]) -> list[Metric]:
    """The scores of all classes with a curve, in the order of `LEADING`."""
    by_name = {metric.name: metric for metric in metrics if not metric.class_name}
    return [by_name[name] for name in LEADING if name in by_name]
