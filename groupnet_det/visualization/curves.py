"""Training curves from ``metrics.json``."""

import json
from pathlib import Path
from typing import Any

from groupnet_det.errors import DataError

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


def plot_training_curves(metrics_file: Path, output: Path, title: str) -> None:
    """Draw the loss, the learning rate and the AP over the iterations into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = read_metrics(metrics_file)

    def series(key: str) -> tuple[list[int], list[float]]:
        chosen = [row for row in rows if key in row]
        return [row["iteration"] for row in chosen], [row[key] for row in chosen]

    figure, (loss_axes, ap_axes) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    figure.suptitle(title)
    for key in ("total_loss", "loss_cls", "loss_box_reg"):
        if any(key in row for row in rows):
            loss_axes.plot(*series(key), label=key)
    loss_axes.set(xlabel="iteration", ylabel="loss", yscale="log")
    rate_axes = loss_axes.twinx()
    rate_axes.plot(*series("lr"), color="grey", linestyle=":", label="learning rate")
    rate_axes.set_ylabel("learning rate (dotted)")
    loss_axes.legend(loc="lower left")

    for key in METRICS:
        iterations, values = series(key)
        ap_axes.plot(iterations, values, marker="o", label=f"{key.split('/')[1]} (val)")
        if values:
            ap_axes.annotate(
                f"{values[-1]:.1f}", (iterations[-1], values[-1]), ha="right", va="bottom"
            )
    ap_axes.set(xlabel="iteration", ylabel="per cent", ylim=(0, 100))
    ap_axes.grid(alpha=0.3)
    ap_axes.legend()
    figure.savefig(output, dpi=110)
    plt.close(figure)
