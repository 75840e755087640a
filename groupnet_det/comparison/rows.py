"""The rows of a comparison of methods: finished trainings, kept in a CSV file."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from groupnet_det.analysis.complexity import Complexity
from groupnet_det.files.csv_records import read_records


@dataclass(frozen=True, kw_only=True)
class RowKey:
    """The training of a row: the same key is never trained twice.

    Attributes:
        method: Name of the row in the list of methods.
        purpose: ``search`` (of the learning rate) or ``result``.
        learning_rate, seed, iterations: Learning rate, seed and iterations of the training.
    """

    method: str
    purpose: str
    learning_rate: float
    seed: int
    iterations: int

    @property
    def folder(self) -> str:
        """Name of the folder that the training writes to."""
        name = "".join(c if c.isalnum() else "_" for c in self.method.lower())
        rate = f"lr{self.learning_rate:g}_seed{self.seed}_it{self.iterations}"
        return f"{name}_{self.purpose}_{rate}"


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One finished training.

    Attributes:
        method, purpose, learning_rate, seed, iterations: See `RowKey`.
        metric: Name of what is compared, such as ``bbox/AP``.
        score: Its value after the last iteration; 0 where the training diverged.
        others: All other values of that evaluation: a JSON object.
        seconds: It took.
        binary_operations, float_operations, num_bytes: See `analysis.complexity`.
        date: Day of the measurement.
        torch: Its version.
    """

    method: str
    purpose: str
    learning_rate: float
    seed: int
    iterations: int
    metric: str
    score: float
    others: str
    seconds: float
    binary_operations: int
    float_operations: int
    num_bytes: int
    date: str
    torch: str

    @property
    def key(self) -> RowKey:
        return RowKey(**{field.name: getattr(self, field.name) for field in fields(RowKey)})

    @property
    def complexity(self) -> Complexity:
        return Complexity(**{f.name: getattr(self, f.name) for f in fields(Complexity)})


def make_row(
    key: RowKey,
    *,
    metric: str,
    results: Mapping[str, float],
    seconds: float,
    complexity: Complexity,
) -> ComparisonRow:
    """Complete a row with what was measured today.

    Args:
        results: Values of the evaluation, `metric` among them; empty where the training diverged.
    """
    others = {name: round(value, 3) for name, value in results.items() if name != metric}
    return ComparisonRow(
        **asdict(key),
        **asdict(complexity),
        metric=metric,
        score=round(results.get(metric, 0.0), 4),
        others=json.dumps(others) if others else "",
        seconds=round(seconds, 1),
        date=datetime.date.today().isoformat(),
        torch=torch.__version__,
    )


def read_comparison(path: Path) -> list[ComparisonRow]:
    """The finished rows; none where the file is missing.

    Raises:
        DataError: The file has other columns, or a line is broken.
    """
    return read_records(path, ComparisonRow)
