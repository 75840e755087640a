"""Reader of ``metrics.json``, which a training writes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupnet_det.errors import DataError
from groupnet_det.files.json_text import parse_json


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of Detectron2's ``metrics.json``, one JSON object a line; those of the same
    iteration, which a resumed training writes again, are one row of the latest values. Lines that
    are no such object are left out.

    Raises:
        DataError: The file is missing or holds no row.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; train first, it is written to OUTPUT_DIR")
    rows: dict[int, dict[str, Any]] = {}
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = parse_json(line)
        except json.JSONDecodeError:  # an interrupted training may leave half a line
            continue
        if isinstance(row, dict) and type(row.get("iteration")) is int:
            rows.setdefault(row["iteration"], {}).update(row)
    if not rows:
        raise DataError(f"{path} holds no metrics")
    return [rows[key] for key in sorted(rows)]


def join_stages(metrics_files: Sequence[Path]) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows of trainings that follow each other, counted on, and where each of them ends."""
    rows: list[dict[str, Any]] = []
    ends: list[int] = []
    for path in metrics_files:
        start = ends[-1] if ends else 0
        stage = [{**row, "iteration": start + row["iteration"]} for row in read_metrics(path)]
        rows.extend(stage)
        ends.append(stage[-1]["iteration"] + 1)
    return rows, ends
