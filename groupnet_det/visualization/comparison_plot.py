"""Score of many methods against what they cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from groupnet_det.benchmark.front.front_rows import Point
from groupnet_det.comparison.grid import Summary

from .training_curves import CURVE_METRICS

NAME_SIZE = 8  # points
POINT_SIDE = 12  # pixels of a marker that names keep free
# Points from a marker to its name, and where the name lies from there: right, left, above, below.
DISTANCES = (7, 18, 32, 48)
DIRECTIONS = ((1, 0), (-1, 0), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7), (0, 1), (0, -1))
SIDES = {1: ("left", "bottom"), 0: ("center", "center"), -1: ("right", "top")}


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

    figure, panes = plt.subplots(1, 2, figsize=(14, 6.5), layout="constrained", sharey=True)
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
            )
        axes.set(xlabel=label, xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3, which="both")
    panes[0].set_ylabel(CURVE_METRICS.get(metric, metric) + " (per cent)")
    names = [f"{summary.method} ({summary.score:.1f})" for summary in summaries]
    for axes, (_, value) in zip(panes, axes_values, strict=True):
        axes.margins(x=0.15, y=0.08)
        name_points(axes, [(value(summary), summary.score) for summary in summaries], names)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)


def plot_front(points: Sequence[Point], output: Path, title: str) -> None:
    """Draw the score against milliseconds into a PNG, with a line through the Pareto front.

    Args:
        points: The points; those without a time are left out. The area of a marker grows with the
            file; error bars are a deviation each way, where there are several seeds. A network
            has its name at the fastest of its engines.
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
    axes.margins(x=0.1, y=0.08)
    methods = [point.method for _, point in timed]
    name_points(
        axes,
        [(milliseconds, point.score) for milliseconds, point in timed],
        # on its fastest engine: colours tell the others
        [name if name not in methods[:number] else "" for number, name in enumerate(methods)],
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    plt.close(figure)


def name_points(
    axes: Any, points: Sequence[tuple[float, float]], names: Sequence[str]
) -> list[Any]:
    """Write a name at each point, where it hides least of other names, points and the frame.

    Args:
        axes: Matplotlib's, with all else drawn.
        points: In the units of the axes.
        names: One a point; an empty one is not written.

    Returns:
        The annotations.
    """
    figure = axes.figure
    figure.canvas.draw()  # places the axes
    frame = axes.get_window_extent()
    centres = axes.transData.transform(points)
    taken = [_around(centre) for centre in centres]
    notes = []
    for point, name in zip(points, names, strict=True):
        if not name:
            continue
        tried = [
            _annotate(axes, point, name, d, direction)
            for d in DISTANCES
            for direction in DIRECTIONS
        ]
        boxes = [_extent(note) for note in tried]
        hidden = [
            sum(_common_area(box, other) for other in taken) + 3 * _outside(box, frame.extents)
            for box in boxes
        ]
        best = int(np.argmin(hidden))  # the nearest of equals
        for note in (*tried[:best], *tried[best + 1 :]):
            note.remove()
        taken.append(boxes[best])
        notes.append(tried[best])
    return notes


def _annotate(
    axes: Any,
    point: tuple[float, float],
    name: str,
    distance: float,
    direction: tuple[float, float],
) -> Any:
    """A name beside a point, with a line to it where it is further away."""
    across, up = direction
    line = {"arrowstyle": "-", "linewidth": 0.5, "color": "grey"}
    return axes.annotate(
        name,
        point,
        xytext=(distance * across, distance * up),
        textcoords="offset points",
        horizontalalignment=SIDES[int(np.sign(across))][0],
        verticalalignment=SIDES[int(np.sign(up))][1],
        fontsize=NAME_SIZE,
        arrowprops=line if distance > DISTANCES[0] else None,
    )


def _extent(note: Any) -> np.ndarray:
    """Left, lower, right and upper side of a text in pixels, without its line."""
    note.update_positions(note.figure.canvas.get_renderer())
    from matplotlib.text import Text

    return np.asarray(Text.get_window_extent(note).extents)


def _around(centre: np.ndarray) -> np.ndarray:
    return np.concatenate([centre - POINT_SIDE / 2, centre + POINT_SIDE / 2])


def _common_area(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.prod(sides.clip(min=0)))


def _outside(box: np.ndarray, frame: np.ndarray) -> float:
    return float(np.prod(box[2:] - box[:2])) - _common_area(box, frame)
