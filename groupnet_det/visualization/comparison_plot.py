"""Score of many methods against what they cost."""

from collections.abc import Sequence
from pathlib import Path

from groupnet_det.benchmark.front.front_rows import Point
from groupnet_det.comparison.grid import Summary

from .training_curves import CURVE_METRICS


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
    panes[0].set_ylabel(CURVE_METRICS.get(metric, metric) + " (per cent)")
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside right center", fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)


def plot_front(points: Sequence[Point], output: Path, title: str) -> None:
    """Draw the score against milliseconds into a PNG, with a line through the Pareto front.

    Args:
        points: The points; those without a time are left out. The area of a marker grows with the
            file; error bars are a deviation each way, where there are several seeds.
        output: PNG file.
        title: Above the plot.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    timed = sorted(
        ((p.milliseconds, p) for p in points if p.milliseconds is not None),
        key=lambda pair: pair[0],
    )
    figure, axes = plt.subplots(figsize=(11, 6.5), layout="constrained")
    figure.suptitle(title)
    engines = list(dict.fromkeys(point.engine for _, point in timed))
    colours = plt.get_cmap("tab10")
    for milliseconds, point in timed:
        colour = colours(engines.index(point.engine))
        deviation = point.deviation or None
        axes.errorbar(milliseconds, point.score, yerr=deviation, capsize=3, color=colour, zorder=2)
        area = 20 + point.num_bytes / 2000
        axes.scatter(milliseconds, point.score, s=area, color=colour, alpha=0.7, zorder=3)
        axes.annotate(
            point.method,
            (milliseconds, point.score),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=8,
        )
    for number, engine in enumerate(engines):
        axes.scatter([], [], color=colours(number), label=engine)
    front = [(milliseconds, point.score) for milliseconds, point in timed if point.on_front]
    axes.plot(*zip(*front, strict=True), color="grey", linewidth=1, zorder=1, label="Pareto front")
    axes.set(xlabel="milliseconds for an image", xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    metric = points[0].metric
    axes.set_ylabel(CURVE_METRICS.get(metric, metric) + " (per cent)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=9)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)
