"""Score of many methods against what they cost."""

from collections.abc import Sequence
from pathlib import Path

from groupnet_det.comparison.grid import Summary

from .training_curves import METRICS


def plot_comparison(summaries: Sequence[Summary], output: Path, title: str) -> None:
    """Draw the score against operations and against bytes into a PNG.

    Args:
        summaries: One a method; of several seeds, error bars are a deviation each way.
        output: PNG file.
        title: Above the plots.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, panes = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained", sharey=True)
    figure.suptitle(title)
    axes_values = (
        ("operations for an image: BOPs / 64 + MACs (millions)", lambda s: s.operations / 1e6),
        ("bytes, w bits for a weight of w bits (thousands)", lambda s: s.num_bytes / 1e3),
    )
    metric = summaries[0].metric
    colours = plt.get_cmap("tab20")
    for axes, (label, value) in zip(panes, axes_values, strict=True):
        for index, summary in enumerate(summaries):
            axes.errorbar(
                value(summary),
                summary.score,
                yerr=summary.deviation or None,
                marker="s" if summary.method.startswith("Group-Net") else "o",
                capsize=3,
                linestyle="none",
                color=colours(index % 20),
                label=f"{summary.method} ({summary.score:.1f})",
            )
        axes.set(xlabel=label, xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3, which="both")
    panes[0].set_ylabel(METRICS.get(metric, metric) + " (per cent)")
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside right center", fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)
