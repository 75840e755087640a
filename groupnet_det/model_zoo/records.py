"""Rows of the model zoo in CSV files: trainings, what their networks cost, and how long they take.

A network is written as one would type it: config file, keys and values, such as
``configs/BCCD/retinanet_groupnet_r18_k4.yaml MODEL.GROUPNET.NUM_BASES 2``.
"""

import csv
import typing
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from groupnet_det.errors import DataError

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class TrainedRow:
    """A training and its score.

    Attributes:
        table: That shows it.
        name: For the reader.
        network: See the module.
        iterations: Of all stages, such as ``250 + 500``.
        seed: Of the training.
        metrics: JSON object, per cent by name.
        command: That trained it, with CONFIG for the config file.
        device, torch, date: Of the training.
    """

    table: str
    name: str
    network: str
    iterations: str
    seed: int
    metrics: str
    command: str
    device: str
    torch: str
    date: str


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """What a network costs, as `analysis.complexity` counts it.

    Attributes:
        network, size: See the module; height x width of the image, pixels.
        parameters: That are trained.
        binary_percent: Of the weights of layers.
        binary_operations, float_operations: BOPs and MACs.
        counted_bytes: Packed.
        file_bytes: Of a packed file; nothing where the network cannot be packed.
        date, groupnet_det: Of the count.
    """

    network: str
    size: str
    parameters: int
    binary_percent: float
    binary_operations: int
    float_operations: int
    counted_bytes: int
    file_bytes: int | None
    date: str
    groupnet_det: str


@dataclass(frozen=True, kw_only=True)
class LatencyRow:
    """How long a network takes for one image, from pixels to the prediction.

    Attributes:
        network, size: As of `CostRow`.
        engine: ``packed``, or ``PyTorch`` for networks that are full precision.
        least_ms, median_ms: Over the rounds.
        threads, device, isa, torch, date: Of the measurement.
    """

    network: str
    size: str
    engine: str
    least_ms: float
    median_ms: float
    threads: int
    device: str
    isa: str
    torch: str
    date: str


def read_records(path: Path, kind: type[R]) -> list[R]:
    """The rows of a file; none where it is missing.

    Raises:
        DataError: It has other columns, or a line is broken.
    """
    if not path.is_file():
        return []
    types = typing.get_type_hints(kind)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(types):
            raise DataError(f"{path} has columns {reader.fieldnames}, not {list(types)}; fix it")
        rows = []
        for line in reader:
            try:
                rows.append(kind(**{n: _PARSERS[types[n]](text) for n, text in line.items()}))
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}, line {reader.line_num}: {error}; fix it") from error
        return rows


def write_records(path: Path, rows: Iterable[R], kind: type[R]) -> None:
    """Write all rows; an older file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(kind)])  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)  # type: ignore[call-overload]


def _number_or_nothing(text: str) -> int | None:
    return int(text) if text else None


_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    int | None: _number_or_nothing,
}
