"""Rows of measurements: made, written, read."""

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .timing import median_ratio, ratio_of_least
from .workload import AnyWork

OURS = "ours"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One side of one work.

    Attributes:
        what: ``layer alone``, ``layer fused``, ``network``, ``body`` and so on.
        work: Such as ``64@56x56``.
        num_bases, batch, threads: K of the binary sides, images, threads.
        side: Whose figures.
        least, median: Over the rounds, in `unit`; nothing for a side that is missing.
        x_least, x_median: How many times longer than ours: by the least, and the median of the
            rounds' ratios.
        note: Why a side is missing, or what has to be known of its figure.
    """

    what: str
    work: str
    num_bases: int
    batch: int
    threads: int
    side: str
    least: float | None = None
    median: float | None = None
    unit: str = "ms"
    x_least: float | None = None
    x_median: float | None = None
    note: str = ""


def rows_of(
    work: AnyWork,
    threads: int,
    seconds: Mapping[str, Sequence[float]],
    absent: Mapping[str, str],
    notes: Mapping[str, str],
) -> list[Row]:
    """A row for each side, the absent ones too.

    Args:
        seconds: Of each round, by side; ratios are to `OURS` where it is among them.
        absent: Reason by side.
        notes: By side; of present ones.
    """
    base = seconds.get(OURS)
    rows = []
    for side, values in seconds.items():
        ratios = (
            {}
            if base is None
            else {
                "x_least": round(ratio_of_least(values, base), 3),
                "x_median": round(median_ratio(values, base), 3),
            }
        )
        rows.append(
            _row(
                work,
                threads,
                side,
                least=round(1000 * min(values), 4),
                median=round(1000 * statistics.median(values), 4),
                note=notes.get(side, ""),
                **ratios,
            )
        )
    return rows + [_row(work, threads, side, note=f"absent: {why}") for side, why in absent.items()]


def _row(work: AnyWork, threads: int, side: str, **figures: float | str) -> Row:
    return Row(
        what=work.what,
        work=work.label,
        num_bases=work.num_bases,
        batch=work.batch,
        threads=threads,
        side=side,
        **figures,  # type: ignore[arg-type]
    )


def write_rows(path: Path, rows: Sequence[Any], facts: Mapping[str, str]) -> None:
    """A line for each row, with the facts of the machine in each.

    Args:
        rows: Values of one dataclass; of `Row` where there are none.
    """
    columns = fields(rows[0] if rows else Row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*(f.name for f in columns), *facts])
        writer.writeheader()
        writer.writerows({**asdict(row), **facts} for row in rows)


def read_rows(path: Path) -> list[Row]:
    """What `write_rows` wrote, without the facts."""
    with path.open(newline="") as file:
        return [_parse(line) for line in csv.DictReader(file)]


def _parse(line: dict[str, str]) -> Row:
    whole = {name: int(line[name]) for name in ("num_bases", "batch", "threads")}
    figures = {
        name: float(line[name]) if line[name] else None
        for name in ("least", "median", "x_least", "x_median")
    }
    words = {name: line[name] for name in ("what", "work", "side", "unit", "note")}
    return Row(**words, **whole, **figures)  # type: ignore[arg-type]
