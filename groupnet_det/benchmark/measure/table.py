"""Rows of measurements, and their CSV files, which `read_records` reads."""

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .timing import median_ratio, ratio_of_least
from .workload import AnyWorkload

OURS = "ours"
STEADY = 1.15  # the median of rounds over the least, up to which a row is not marked


@dataclass(frozen=True, kw_only=True)
class Row:
    """One engine on one workload.

    Attributes:
        what: ``layer alone``, ``layer fused``, ``network``, ``body`` and so on.
        workload: Such as ``64@56x56``.
        num_bases, batch, threads: K of the binary networks, images, threads.
        engine: Whose figures.
        least, median: Over the rounds, in `unit`; nothing for an engine that is unavailable.
        x_least, x_median: How many times longer than ours: by the least, and the median of the
            rounds' ratios.
        note: Why an engine is unavailable, how to read its figure, or how far its rounds differ.
    """

    what: str
    workload: str
    num_bases: int
    batch: int
    threads: int
    engine: str
    least: float | None = None
    median: float | None = None
    unit: str = "ms"
    x_least: float | None = None
    x_median: float | None = None
    note: str = ""


def table_rows(
    workload: AnyWorkload,
    threads: int,
    seconds: Mapping[str, Sequence[float]],
    unavailable: Mapping[str, str],
    notes: Mapping[str, str],
) -> list[Row]:
    """A row for each engine, the unavailable ones too.

    Args:
        seconds: Time of each round by engine; ratios are to `OURS` where it is among them.
        unavailable: Reason by engine.
        notes: Notes on measured engines, by engine.
    """
    base = seconds.get(OURS)
    rows = []
    for engine, values in seconds.items():
        ratios = (
            {}
            if base is None
            else {
                "x_least": round(ratio_of_least(values, base), 3),
                "x_median": round(median_ratio(values, base), 3),
            }
        )
        least, median = 1000 * min(values), 1000 * statistics.median(values)
        rows.append(
            _row(
                workload,
                threads,
                engine,
                least=round(least, 4),
                median=round(median, 4),
                note="; ".join(filter(None, (notes.get(engine), describe_noise(least, median)))),
                **ratios,
            )
        )
    return rows + [
        _row(workload, threads, engine, note=f"unavailable: {why}")
        for engine, why in unavailable.items()
    ]


def describe_noise(least: float, median: float) -> str:
    """A mark for rounds that differ by more than `STEADY` allows; empty for steady ones."""
    if median <= STEADY * least:
        return ""
    return f"unsteady: the median is {median / least - 1:.0%} above the least"


def _row(workload: AnyWorkload, threads: int, engine: str, **figures: float | str) -> Row:
    return Row(
        what=workload.what,
        workload=workload.label,
        num_bases=workload.num_bases,
        batch=workload.batch,
        threads=threads,
        engine=engine,
        **figures,  # type: ignore[arg-type]
    )


def write_rows(path: Path, rows: Sequence[Any], environment: Mapping[str, str]) -> None:
    """A line for each row, with the environment in each.

    Args:
        rows: Values of one dataclass; of `Row` where there are none.
    """
    columns = fields(rows[0] if rows else Row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        names = [*(f.name for f in columns), *environment]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**asdict(row), **environment} for row in rows)
