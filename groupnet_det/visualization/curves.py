"""Training curves from ``metrics.json``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupnet_det.errors import DataError

LOSSES = ("total_loss", "loss_cls", "loss_box_reg")
METRICS = ("bbox/AP", "bbox/AP50")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of Detectron2's ``metrics.json``, one JSON object a line; of rows of the same
    iteration, which a resumed training writes again, the last.

    Raises:
        DataError: The file is absent or holds no row.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; train first, it is written to OUTPUT_DIR")
    rows: dict[int, dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:  # an interrupted training may leave half a line
            continue
        rows[row.get("iteration", len(rows))] = row
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


def plot_training_curves(metrics_files: Sequence[Path], output: Path, title: str) -> None:
    """Draw the loss, the learning rate and the AP over the iterations into a PNG.

    Args:
        metrics_files: ``metrics.json`` of each stage of the training, in their order.
        output: PNG file.
        title: Above the plots.

    Raises:
        DataError: A file is absent or holds no row.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows, ends = join_stages(metrics_files)
    figure, (loss_axes, ap_axes) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    figure.suptitle(title)
    for key in LOSSES:
        loss_axes.plot(*_series(rows, key), label=key)
    loss_axes.set(xlabel="iteration", ylabel="loss", yscale="log")
    rate_axes = loss_axes.twinx()
    rate_axes.plot(*_series(rows, "lr"), color="grey", linestyle=":")
    rate_axes.set_ylabel("learning rate (dotted)")
    loss_axes.legend(loc="upper right")

    for key in METRICS:
        iterations, values = _series(rows, key)
        ap_axes.plot(iterations, values, marker="o", label=f"{key.split('/')[1]} (val)")
        for iteration, value in zip(iterations, values, strict=True):
            ap_axes.annotate(f"{value:.1f}", (iteration, value), ha="right", va="bottom")
    ap_axes.set(xlabel="iteration", ylabel="per cent", xlim=(0, ends[-1] * 1.03), ylim=(0, 100))
    ap_axes.grid(alpha=0.3)
    ap_axes.legend(loc="lower left")
    for axes in (loss_axes, ap_axes):
        for end in ends[:-1]:
            axes.axvline(end, color="black", linewidth=0.8, linestyle="--")
    figure.savefig(output, dpi=110)
    plt.close(figure)


def _series(rows: list[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    chosen = [row for row in rows if key in row]
    return [row["iteration"] for row in chosen], [row[key] for row in chosen]
