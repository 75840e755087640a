"""Training curves from ``metrics.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groupnet_det.engine.records.metrics_file import join_stages

# In metrics.json -> in the plot; drawn where the training has them. All are per cent.
CURVE_METRICS = {
    "bbox/AP": "AP",
    "bbox/AP50": "AP50",
    "classification/top1": "top-1",
    "classification/top5": "top-5",
    "sem_seg/mIoU": "mIoU",
    "sem_seg/pACC": "pixel accuracy",
}
MAX_LABELLED = 12  # evaluations; of more, only the last one's value is written


def plot_training_curves(metrics_files: Sequence[Path], output: Path, title: str) -> None:
    """Draw the losses, the learning rate and the metrics over the iterations into a PNG.

    Args:
        metrics_files: ``metrics.json`` of each stage of the training, in their order.
        output: PNG file.
        title: Above the plots.

    Raises:
        DataError: A file is missing or holds no row.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows, ends = join_stages(metrics_files)
    figure, (loss_axes, metric_axes) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    figure.suptitle(title)
    for key in _loss_keys(rows):
        loss_axes.plot(*_series(rows, key), label=key)
    loss_axes.set(xlabel="iteration", ylabel="loss", yscale="log")
    rate_axes = loss_axes.twinx()
    rate_axes.plot(*_series(rows, "lr"), color="grey", linestyle=":")
    rate_axes.set_ylabel("learning rate (dotted)")
    loss_axes.legend(loc="upper right")

    _draw_metrics(metric_axes, rows)
    metric_axes.set(xlabel="iteration", ylabel="per cent", xlim=(0, ends[-1] * 1.03), ylim=(0, 105))
    metric_axes.grid(alpha=0.3)
    for axes in (loss_axes, metric_axes):
        for end in ends[:-1]:
            axes.axvline(end, color="black", linewidth=0.8, linestyle="--")
    figure.savefig(output, dpi=110)
    plt.close(figure)


def _draw_metrics(axes: Any, rows: list[dict[str, Any]]) -> None:
    """The curves of those `CURVE_METRICS` that the training has, with their values."""
    for key, label in CURVE_METRICS.items():
        iterations, values = _series(rows, key)
        if not values:
            continue
        axes.plot(iterations, values, marker=".", label=f"{label} (val)")
        shown = slice(None) if len(values) <= MAX_LABELLED else slice(-1, None)
        for iteration, value in zip(iterations[shown], values[shown], strict=True):
            axes.annotate(f"{value:.1f}", (iteration, value), ha="right", va="bottom")
    if axes.lines:
        axes.legend(loc="lower left")


def _loss_keys(rows: list[dict[str, Any]]) -> list[str]:
    """The total loss, and its parts where there are several."""
    parts = sorted({key for row in rows for key in row if key.startswith("loss_")})
    return ["total_loss", *(parts if len(parts) > 1 else [])]


def _series(rows: list[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    chosen = [row for row in rows if key in row]
    return [row["iteration"] for row in chosen], [row[key] for row in chosen]
