"""Plots the cost of each layer of a network."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.analysis.complexity import WORD_BITS
from groupnet_det.analysis.layer_costs import LayerCost

CostSeries = dict[str, Callable[[LayerCost], float]]
# Title -> what is drawn beside each other, and whether the axis is logarithmic.
PANELS: dict[str, tuple[CostSeries, bool]] = {
    "operations, millions": (
        {
            "BOPs / 64": lambda row: row.binary_operations / WORD_BITS / 1e6,
            "float MACs": lambda row: row.float_operations / 1e6,
        },
        False,
    ),
    "kB": (
        {
            "full-precision baseline": lambda row: (row.float_bytes or 0) / 1e3,
            "simulated": lambda row: row.simulated_bytes / 1e3,
            "packed": lambda row: row.packed_bits / 8e3,
        },
        True,
    ),
    "ms in the packed engine": ({"ms": lambda row: row.milliseconds or 0.0}, False),
}


def plot_layer_costs(rows: Sequence[LayerCost], output: Path, title: str) -> None:
    """Draw operations, bytes and, where it was measured, time of each layer into a PNG.

    Args:
        rows: Rows of the layers, from the first to the last, without their sum.
        output: PNG file.
        title: Above the plots.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = {
        name: panel
        for name, panel in PANELS.items()
        if any(value(row) for value in panel[0].values() for row in rows)
    }
    figure, panes = plt.subplots(
        1,
        max(1, len(panels)),
        figsize=(4 + 4.5 * len(panels), 1.5 + 0.24 * len(rows)),
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    figure.suptitle(title)
    for axes, (name, (series, logarithmic)) in zip(panes.flat, panels.items(), strict=False):
        _draw(axes, rows, series)
        axes.set(xlabel=name, xscale="log" if logarithmic else "linear")
        axes.grid(alpha=0.3, axis="x")
        axes.legend(fontsize=8)
    panes[0, 0].set_yticks(range(len(rows)), [row.name for row in rows], fontsize=7)
    panes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)


def _draw(axes: Any, rows: Sequence[LayerCost], series: CostSeries) -> None:
    height = 0.8 / len(series)
    for number, (label, value) in enumerate(series.items()):
        places = [place + (number - (len(series) - 1) / 2) * height for place in range(len(rows))]
        axes.barh(places, [value(row) for row in rows], height, label=label)
