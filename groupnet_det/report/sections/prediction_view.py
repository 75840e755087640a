"""Common parts of the views of saved predictions."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from groupnet_det.report.html.html_blocks import Block
from groupnet_det.report.training_run import MissingError, Run

T = TypeVar("T")


class View(Protocol):
    """The saved predictions of one task on one data set.

    Each method raises a `UserError` if files are missing.

    Attributes:
        title: Task and data set.
    """

    title: str

    def precision_recall(self) -> list[Block]:
        """Blocks with precision-recall curves, or points."""

    def confusion(self) -> list[Block]:
        """Blocks with the confusion matrix."""

    def examples(self) -> list[Block]:
        """Blocks with the best and the worst images."""


def saved(run: Run, path: Path) -> Path:
    """Return a file or folder that evaluation writes.

    Raises:
        MissingError: It is missing.
    """
    if not path.exists():
        raise MissingError(f"{path} does not exist; evaluation writes it", run.evaluate_command)
    return path


def ends_of(
    items: Sequence[T], number: int, quality: Callable[[T], float], size: Callable[[T], int]
) -> tuple[list[T], list[T]]:
    """The best and the worst items, without duplicates.

    Args:
        items: Items to choose from; those with quality nan are left out.
        number: Maximum number of each.
        quality: Key to rank by.
        size: Key for ties; the largest come first.
    """
    known = [item for item in items if not math.isnan(quality(item))]
    number = min(number, len(known) // 2)
    best = sorted(known, key=lambda item: (-quality(item), -size(item)))[:number]
    worst = sorted(known, key=lambda item: (quality(item), -size(item)))
    return best, [item for item in worst if item not in best][:number]
