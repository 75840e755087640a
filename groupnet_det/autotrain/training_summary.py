"""Summary of a training: images, scores and the machine it ran on."""

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from groupnet_det.engine.records.metrics_file import read_metrics
from groupnet_det.engine.records.output_names import CHECKPOINT, METRICS, PACKED, REPORT
from groupnet_det.errors import DataError
from groupnet_det.visualization.training_curves import plot_training_curves

PREDICTIONS, CURVES, SUMMARY = "predictions.png", "curves.png", "summary.json"
OUTPUTS = (PREDICTIONS, CURVES, SUMMARY, CHECKPOINT, PACKED, REPORT)
NUM_DRAWN = 8  # images


def draw_predictions(
    config: str,
    options: Sequence[str],
    output: Path,
    run: Callable[..., None],
    *,
    results: str,
    threshold: float,
) -> None:
    """Draw some of the last evaluation beside the ground truth.

    Args:
        config: Config file.
        options: Config keys and values.
        output: Folder of the drawing.
        run: Runs a command of the project.
        results: ``OUTPUT_DIR`` of the evaluation.
        threshold: Score threshold of objects.
    """
    run(
        *("visualize", "--config-file", config, "--output", str(output / PREDICTIONS)),
        *("--num-images", str(NUM_DRAWN), "--score-threshold", str(threshold)),
        *options,
        *("OUTPUT_DIR", results),
    )


def draw_curves(stages: Sequence[Path], title: str) -> None:
    """Draw losses and scores of trainings that follow each other, into the folder of the last."""
    suffix = ": with tanh, then binary" if len(stages) > 1 else ""
    files = [stage / METRICS for stage in stages]
    plot_training_curves(files, stages[-1] / CURVES, f"{title}{suffix}")


def scores_at_end(output: Path, metrics: Sequence[str]) -> dict[str, float]:
    """The last scores of a training, by the last part of their names.

    Raises:
        DataError: There are none.
    """
    rows = [row for row in read_metrics(output / METRICS) if metrics[0] in row]
    if not rows:
        raise DataError(f"{output / METRICS} holds no {metrics[0]}; is DATASETS.TEST set?")
    return {key.split("/")[-1]: rows[-1][key] for key in metrics}


def machine() -> dict[str, Any]:
    """Date, version of torch, and device."""
    return {
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "device": "GPU" if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
    }


def scores_line(scores: Mapping[str, float]) -> str:
    """One line."""
    return "  ".join(f"{name} {value:.1f}" for name, value in scores.items())


def list_outputs(output: Path, names: Sequence[str] = OUTPUTS) -> str:
    """List the files to look at, the page last."""
    *single, page = (str(output / name) for name in names)
    lines = "\n".join(f"  {path}" for path in single)
    return f"Look at\n{lines}\nand at all of it in one page:\n  {page}"
