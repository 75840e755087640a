"""Members of results: by number, or several by a slice, a mask or numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groupnet_det.errors import ConfigError
from groupnet_det.packed.score_thresholds import ScoreThreshold


def is_number(index: Any) -> bool:
    """Whether an index names one member."""
    return isinstance(index, SupportsIndex) and getattr(index, "ndim", 0) == 0


Selection = slice | NDArray[Any]


def selection(index: Any) -> Selection:
    """An index of several members as numpy takes it.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(index, slice):
        return index
    values = np.asarray(index)
    if values.size == 0:
        values = values.astype(np.int64)
    if values.ndim != 1 or values.dtype.kind not in "bi":
        raise ConfigError(f"{index!r} selects nothing; valid: a slice, bools or whole numbers")
    return values


def picked(values: Tensor, kept: Selection) -> Tensor:
    """Rows on the CPU, chosen in this thread alone: see `numpy_ops`."""
    return torch.from_numpy(np.ascontiguousarray(values.numpy()[kept]))


def reach(
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    names: Sequence[str],
    threshold: ScoreThreshold,
) -> NDArray[np.bool_]:
    """Whether objects have at least the score threshold, (R,).

    Args:
        scores: Scores of the objects, (R,).
        labels: The numbers of their classes, (R,).
        names: Names of all classes.
        threshold: A threshold for all classes, or one by class name; classes without one reach it.
    """
    if not isinstance(threshold, Mapping):
        return scores >= threshold
    of_classes = np.array([threshold.get(name, 0) for name in names], np.float32)
    return scores >= of_classes[labels]


def counted(names: Sequence[str]) -> str:
    """Such as ``3 objects: 2 × cat, 1 × dog``."""
    number = f"{len(names)} object" + ("" if len(names) == 1 else "s")
    classes = ", ".join(f"{count} × {name}" for name, count in Counter(names).most_common())
    return f"{number}: {classes}" if classes else number
