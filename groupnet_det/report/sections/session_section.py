"""Section on how the network was trained: iterations, images, time, machine and seed."""

from pathlib import Path
from typing import Any

from groupnet_det.config import load_config
from groupnet_det.engine.records.metrics_file import read_metrics
from groupnet_det.engine.records.output_names import CONFIG, METRICS
from groupnet_det.engine.records.sessions import read_sessions
from groupnet_det.report.html.html_blocks import Block, Cell, Note, Table
from groupnet_det.report.training_run import Run

HEADERS = ["stage", "iterations", "batch", "images", "time", "seed", "date", "device"]
CAPTION = "Trainings that follow each other; their times contain the evaluations"


def sessions(run: Run) -> list[Block]:
    """A row for each stage of the training, and for the baseline."""
    run.metrics_file  # noqa: B018 (raises an error if nothing was trained)
    rows = [_row(folder.name, folder) for folder in run.stage_folders]
    if run.baseline:
        rows.append(
            _row(f"full precision: {run.baseline.folder.resolve().name}", run.baseline.folder)
        )
    blocks: list[Block] = [Table(headers=HEADERS, rows=rows, caption=CAPTION)]
    if any(row[HEADERS.index("time")] is None for row in rows):
        blocks.append(
            Note(text="A dash: the training did not note it, as it is of an older version.")
        )
    return blocks


def _row(name: str, folder: Path) -> list[Cell]:
    cfg = load_config(str(folder / CONFIG))
    known = read_sessions(folder)
    last: dict[str, Any] = known[-1] if known else {}
    iterations = min(read_metrics(folder / METRICS)[-1]["iteration"] + 1, cfg.SOLVER.MAX_ITER)
    return [
        name,
        iterations,
        cfg.SOLVER.IMS_PER_BATCH,
        last.get("images"),
        duration(sum(each["seconds"] for each in known)) if known else None,
        str(cfg.SEED),
        last.get("date"),
        _device(last) if last else None,
    ]


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``12.5 min`` or ``3.2 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _device(session: dict[str, Any]) -> str:
    """Processor or GPU, with what of it was used."""
    number = session.get("processes", 1)
    parts = [str(session.get("device")), f"threads: {session.get('threads')}"]
    return "; ".join([*parts, f"processes: {number}"] if number != 1 else parts)
