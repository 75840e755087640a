"""Base of the results of all tasks, from packed and from trained networks alike."""

from abc import ABC, abstractmethod
from typing import Any

from groupnet_det.errors import ConfigError

SCORE_THRESHOLD = 0.5  # of objects, wherever none is asked for


class Result(ABC):
    """What a network predicts for one image."""

    def above(self, score: float) -> "Result":
        """The same with objects of at least this score; a result without objects stays as it is."""
        return self

    @abstractmethod
    def to_detectron2(self) -> Any:
        """The same as a model of Detectron2 returns it."""


def check_score_threshold(threshold: float) -> None:
    """
    Raises:
        ConfigError: It is no score.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"the score threshold of objects is {threshold}; valid: 0 to 1")
