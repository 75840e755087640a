"""The scores of evaluations, out of the rows of ``metrics.json``."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from groupnet_det.engine.records.recorded_scores import TASKS

# The scores with a curve, of which the first one that there is stands for the training.
LEADING = ("AP", "AP50", "AP75", "mIoU", "pACC", "top1", "top5", "PQ", "IoU")
# A score, and after a hyphen its class; Detectron2's "min(IoU, B-Iou)-cat" has one hyphen more.
NAME_AND_CLASS = re.compile(r"(?P<name>[^-(]*(?:\([^)]*\))?)(?:-(?P<class_name>.*))?", re.DOTALL)
LABELS = {"top1": "top-1", "top5": "top-5", "pACC": "pixel accuracy"}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A name in metrics.json, such as ``photo_digits_val/bbox/AP-3``, in its parts.

    Attributes:
        key: The whole.
        dataset: Empty where there is one only.
        task: A key of `TASKS`.
        name: Such as ``AP``.
        class_name: Empty for all classes together.
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
        """Of what it is a score."""
        return TASKS[self.task] + (f", {self.dataset}" if self.dataset else "")


def parse_metric(key: str) -> Metric | None:
    """None for what is no score, such as a loss."""
    parts = key.split("/")
    index = next((i for i, part in enumerate(parts[:-1]) if part in TASKS), None)
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
    """All scores of a training by data set and task, in the order in which they came."""
    keys = dict.fromkeys(key for row in rows for key in row)
    groups: dict[tuple[str, str], list[Metric]] = {}
    for metric in filter(None, map(parse_metric, keys)):
        groups.setdefault(metric.group, []).append(metric)
    return groups


def values_of(rows: Sequence[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    """Iterations and values."""
    return [(row["iteration"], float(row[key])) for row in rows if row.get(key) is not None]


def last_value(rows: Sequence[dict[str, Any]], key: str) -> float:
    return values_of(rows, key)[-1][1]


def best_value(rows: Sequence[dict[str, Any]], key: str) -> tuple[int, float] | None:
    """Iteration and value of the highest one; None where none is a number."""
    known = [pair for pair in values_of(rows, key) if math.isfinite(pair[1])]
    return max(known, key=lambda pair: pair[1], default=None)


def leading(metrics: Sequence[Metric]) -> list[Metric]:
    """Those of all classes that have a curve, in the order of `LEADING`."""
    by_name = {metric.name: metric for metric in metrics if not metric.class_name}
    return [by_name[name] for name in LEADING if name in by_name]
