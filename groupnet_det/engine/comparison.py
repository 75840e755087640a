"""Train many methods with one schedule, row by row, and keep what came out.

A row is one training: a method, a learning rate and a seed. The learning rate of each method is
the best of a common grid in a search with a shorter schedule and a seed of its own; the rows of
the comparison then use other seeds.
"""

import csv
import datetime
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from groupnet_det.errors import DataError

SEARCH_SEED = 1000
METRIC = "classification/top1"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One finished training.

    Attributes:
        method: Name of the row in the list of methods.
        purpose: ``search`` (of the learning rate) or ``result``.
        learning_rate, seed, iterations: Of the training.
        top1: Per cent on the validation set, after the last iteration.
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
    top1: float
    seconds: float
    binary_operations: int
    float_operations: int
    num_bytes: int
    date: str
    torch: str

    @property
    def key(self) -> "RowKey":
        return RowKey(
            method=self.method,
            purpose=self.purpose,
            learning_rate=self.learning_rate,
            seed=self.seed,
            iterations=self.iterations,
        )


@dataclass(frozen=True, kw_only=True)
class RowKey:
    """What a row is to be: the same key is never trained twice."""

    method: str
    purpose: str
    learning_rate: float
    seed: int
    iterations: int


def read_rows(path: Path) -> list[Row]:
    """The finished rows; none where the file is absent.

    Raises:
        DataError: The file has other columns.
    """
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = [field.name for field in fields(Row)]
        if reader.fieldnames != names:
            raise DataError(f"{path} has columns {reader.fieldnames}, not {names}; move it away")
        types: dict[str, Callable[[str], Any]] = {f.name: _TYPES[f.type] for f in fields(Row)}
        return [Row(**{key: types[key](value) for key, value in row.items()}) for row in reader]


_TYPES: dict[Any, Callable[[str], Any]] = {str: str, float: float, int: int}


def append_row(path: Path, row: Row) -> None:
    """Add a finished row, so that an interruption loses no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    absent = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        if absent:
            writer.writeheader()
        writer.writerow(asdict(row))


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is to be trained.

    Attributes:
        methods: Names, in the order of the table.
        learning_rates: Of the search.
        seeds: Of the results.
        iterations, search_iterations: Of a result, and of a row of the search.
        single_seed: Methods of which only the first seed is trained.
    """

    methods: Sequence[str]
    learning_rates: Sequence[float]
    seeds: Sequence[int]
    iterations: int
    search_iterations: int
    single_seed: frozenset[str] = frozenset()

    def open_keys(self, rows: Iterable[Row]) -> list[RowKey]:
        """The rows that can be trained now: results wait for their method's search."""
        done = {row.key: row for row in rows}
        search: list[RowKey] = []
        results: dict[int, list[RowKey]] = {}
        for method in self.methods:
            wanted = self.search_keys(method)
            missing = [key for key in wanted if key not in done]
            search += missing
            if missing:
                continue
            for number, key in enumerate(self.result_keys(method, done)):
                if key not in done:
                    results.setdefault(number, []).append(key)
        # Seed by seed, so that an unfinished grid compares all methods on the same seeds.
        return search + [key for number in sorted(results) for key in results[number]]

    def search_keys(self, method: str) -> list[RowKey]:
        return [
            RowKey(
                method=method,
                purpose="search",
                learning_rate=rate,
                seed=SEARCH_SEED,
                iterations=self.search_iterations,
            )
            for rate in self.learning_rates
        ]

    def result_keys(self, method: str, done: Mapping[RowKey, Row]) -> list[RowKey]:
        """The rows of a method at its best learning rate (of equals, the lowest)."""
        best = max(self.search_keys(method), key=lambda key: (done[key].top1, -key.learning_rate))
        seeds = self.seeds[:1] if method in self.single_seed else self.seeds
        return [
            RowKey(
                method=method,
                purpose="result",
                learning_rate=best.learning_rate,
                seed=seed,
                iterations=self.iterations,
            )
            for seed in seeds
        ]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A method over its seeds; `deviation` is 0 for a single one."""

    method: str
    num_seeds: int
    learning_rate: float
    top1: float
    deviation: float
    operations: float
    num_bytes: int
    seconds: float


def summarize(methods: Sequence[str], rows: Iterable[Row], iterations: int) -> list[Summary]:
    """Mean and deviation of the finished results, in the order of the methods."""
    results = [row for row in rows if row.purpose == "result" and row.iterations == iterations]
    summaries = []
    for method in methods:
        found = [row for row in results if row.method == method]
        if found:
            scores = [row.top1 for row in found]
            summaries.append(
                Summary(
                    method=method,
                    num_seeds=len(found),
                    learning_rate=found[0].learning_rate,
                    top1=mean(scores),
                    deviation=stdev(scores) if len(scores) > 1 else 0.0,
                    operations=found[0].binary_operations / 64 + found[0].float_operations,
                    num_bytes=found[0].num_bytes,
                    seconds=mean(row.seconds for row in found),
                )
            )
    return summaries


def last_metric(output_dir: Path) -> float:
    """`METRIC` at the end of a training.

    Raises:
        DataError: It was not measured.
    """
    values = [
        row[METRIC]
        for line in (output_dir / "metrics.json").read_text().splitlines()
        if METRIC in (row := json.loads(line))
    ]
    if not values:
        raise DataError(f"{output_dir}/metrics.json holds no {METRIC}; is DATASETS.TEST set?")
    return values[-1]


def make_row(key: RowKey, *, top1: float, seconds: float, complexity: Any) -> Row:
    """Complete a row with what was measured today."""
    return Row(
        **asdict(key),
        top1=top1,
        seconds=round(seconds, 1),
        binary_operations=complexity.binary_operations,
        float_operations=complexity.float_operations,
        num_bytes=complexity.num_bytes,
        date=datetime.date.today().isoformat(),
        torch=torch.__version__,
    )


def row_folder(root: str, key: RowKey) -> Path:
    """Where a row's training writes."""
    name = "".join(c if c.isalnum() else "_" for c in key.method.lower())
    rate = f"lr{key.learning_rate:g}_seed{key.seed}_it{key.iterations}"
    return Path(root) / f"{name}_{key.purpose}_{rate}".replace(os.sep, "_")
