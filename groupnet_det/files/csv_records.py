"""Records in CSV files: a dataclass for each row, its fields as columns."""

import csv
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from groupnet_det.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)
else:
    R = TypeVar("R")


def read_records(path: Path, kind: type[R], *, more_columns: bool = False) -> list[R]:
    """Read the rows of a file; none if it does not exist.

    Args:
        kind: The dataclass of the rows, with fields of the types in `PARSERS`.
        more_columns: Whether the file may have other columns too, in any order.

    Raises:
        DataError: It has the wrong columns, or a line is broken.
    """
    if not path.is_file():
        return []
    types = typing.get_type_hints(kind)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(path, list(reader.fieldnames or []), list(types), more_columns)
        rows = []
        for line in reader:
            try:
                rows.append(kind(**{name: PARSERS[types[name]](line[name]) for name in types}))
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}, line {reader.line_num}: {error}; remove it") from error
        return rows


def _check_columns(path: Path, found: list[str], expected: list[str], more_columns: bool) -> None:
    if not more_columns and found != expected:
        raise DataError(f"{path} has columns {found}, not {expected}; move it away")
    for name in expected:
        if name not in found:
            raise DataError(f"{path} has no column {name}; move it away")


def append_record(path: Path, row: "DataclassInstance") -> None:
    """Add a row to a file, so that an interruption loses no other row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(row)])
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def write_records(path: Path, rows: Iterable[R], kind: type[R]) -> None:
    """Write all rows; an older file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(kind)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _or_none(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: parse(text) if text else None


# From the type of a field to what reads it.
PARSERS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    int | None: _or_none(int),
    float | None: _or_none(float),
}
