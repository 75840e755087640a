"""What K binary bases save against full precision."""

from collections.abc import Sequence
from pathlib import Path

from groupnet_det.analysis.bases import FULL_PRECISION, BasesRow

CURVES = {
    "memory saving": "memory_saving",
    "operation saving (BOPs / 64 + MACs)": "operation_saving",
    "measured speed-up": "speed_up_least",
}


def plot_bases(rows: Sequence[BasesRow], output: Path, title: str) -> None:
    """Draw the savings, and where it was measured the speed-up, over K into a PNG.

    Args:
        rows: Of `compare_bases` or `time_bases`.
        output: PNG file.
        title: Above the plot.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    binary = sorted(
        (row for row in rows if row.num_bases != FULL_PRECISION), key=lambda row: row.num_bases
    )
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for label, name in CURVES.items():
        points = [
            (row.num_bases, value) for row in binary if (value := getattr(row, name)) is not None
        ]
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
        for k, value in points:
            axes.annotate(f"{value:.1f}", (k, value), fontsize=8, ha="left", va="bottom")
    axes.axhline(1, color="grey", linestyle=":", label="full precision")
    axes.set(xlabel="K", ylabel="times", yscale="log")
    axes.set_xticks([row.num_bases for row in binary])
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    axes.set_title(title, fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)
