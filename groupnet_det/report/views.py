"""What the views on saved predictions have in common, whatever the task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from .blocks import Block
from .run import MissingError, Run

T = TypeVar("T")


class View(Protocol):
    """The saved predictions of one task on one data set.

    Each method raises a `UserError` where files are absent.

    Attributes:
        title: Of what on which data set.
    """

    title: str

    def precision_recall(self) -> list[Block]:
        """Curves, or points."""

    def confusion(self) -> list[Block]:
        """What is taken for what."""

    def examples(self) -> list[Block]:
        """The best and the worst images."""


def saved(run: Run, path: Path) -> Path:
    """A file or folder that evaluation writes.

    Raises:
        MissingError: It is absent.
    """
    if not path.exists():
        raise MissingError(f"{path} does not exist; evaluation writes it", run.evaluate_command)
    return path


def ends_of(ranked: Sequence[T], number: int) -> tuple[list[T], list[T]]:
    """The first and the last ones, the last one first; nothing twice."""
    number = min(number, len(ranked) // 2)
    return list(ranked[:number]), list(ranked[::-1][:number])
