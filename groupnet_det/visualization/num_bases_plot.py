"""Plots what K binary bases save against full precision."""

from collections.abc import Sequence
from pathlib import Path

from groupnet_det.benchmark.suites.num_bases import FULL_PRECISION, BasesRow

BARS = {
    "memory saving": "memory_saving",
    "operation saving (BOPs / 64 + MACs)": "operation_saving",
    "measured speed-up": "speed_up_least",
}


def plot_bases(rows: Sequence[BasesRow], output: Path, title: str) -> None:
    """Draw the savings, and where it was measured the speed-up, over K into a PNG.

    Args:
        rows: Rows of `compare_bases` or `time_bases`.
        output: PNG file.
        title: Above the plot.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    binary = sorted(
        (row for row in rows if row.num_bases != FULL_PRECISION), key=lambda row: row.num_bases
    )
    series = {
        label: values
        for label, name in BARS.items()
        if None not in (values := [getattr(row, name) for row in binary])
    }
    figure, axes = plt.subplots(figsize=(2 + 1.1 * len(binary), 5), layout="constrained")
    width = 0.8 / len(series)
    for number, (label, values) in enumerate(series.items()):
        places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(binary))]
        bars = axes.bar(places, values, width, label=label)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.axhline(1, color="grey", linestyle=":", label="full precision")
    axes.set(xlabel="K", ylabel="times")
    axes.set_xticks(range(len(binary)), [str(row.num_bases) for row in binary])
    axes.grid(alpha=0.3, axis="y")
    axes.legend()
    axes.set_title(title, fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)
