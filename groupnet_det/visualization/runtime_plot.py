"""Times of the packed engine and of other engines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.benchmark.measure.table import Row

# Row -> place on the axis, by what is varied.
CURVES: dict[str, tuple[str, Callable[[Row], float]]] = {
    "scaling bases": ("K", lambda row: row.num_bases),
    "scaling size": ("pixels a side", lambda row: float(row.workload.rpartition("@")[2])),
    "scaling threads": ("threads", lambda row: row.threads),
    "scaling batch": ("images", lambda row: row.batch),
}
OF_OURS = "ours"


def plot_runtime(rows: Sequence[Row], output: Path, title: str) -> None:
    """Draw bars for layers and networks, and curves for how time grows, into a PNG.

    Args:
        rows: With times in ms; others, and unavailable engines are left out.
        output: PNG file.
        title: Above the plots, such as the processor.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [row for row in rows if row.unit == "ms" and row.least is not None]
    names = list(dict.fromkeys(_panel(row) for row in shown))
    if not names:
        return
    columns = min(2, len(names))
    height = -(-len(names) // columns)
    figure, panes = plt.subplots(
        height, columns, figsize=(8 * columns, 4.2 * height), layout="constrained", squeeze=False
    )
    figure.suptitle(title)
    for axes in panes.flat[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panes.flat, names, strict=False):
        of_panel = [row for row in shown if _panel(row) == name]
        draw = _draw_curves if of_panel[0].what in CURVES else _draw_bars
        draw(axes, of_panel)
        axes.set(title=name, yscale="log", ylabel="ms, least")
        axes.grid(alpha=0.3, axis="y", which="both")
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=75)
    plt.close(figure)


def _panel(row: Row) -> str:
    """Rows of one name share a plot."""
    of_all = row.what == "scaling bases" or row.what.startswith(("network", "body"))
    return row.what if of_all else f"{row.what}, K = {row.num_bases}"


def _draw_bars(axes: Any, rows: Sequence[Row]) -> None:
    """A group for each workload, in it a bar for each engine."""
    groups = list(dict.fromkeys((row.workload, row.num_bases) for row in rows))
    label = _engine_and_threads if len({row.threads for row in rows}) > 1 else _engine
    engines = list(dict.fromkeys(map(label, rows)))
    width = 0.85 / len(engines)
    for number, engine in enumerate(engines):
        of_engine = [row for row in rows if label(row) == engine]
        places = [groups.index((row.workload, row.num_bases)) + number * width for row in of_engine]
        axes.bar(places, [row.least for row in of_engine], width, label=engine)
    middle = 0.425 - width / 2
    labels = [f"{workload}, K = {k}" if _several(groups) else workload for workload, k in groups]
    axes.set_xticks([place + middle for place in range(len(groups))], labels, fontsize=8)


def _engine(row: Row) -> str:
    return row.engine


def _engine_and_threads(row: Row) -> str:
    return f"{row.engine}, threads: {row.threads}"


def _several(groups: Sequence[tuple[str, int]]) -> bool:
    return len({k for _, k in groups}) > 1


def _draw_curves(axes: Any, rows: Sequence[Row]) -> None:
    label, place = CURVES[rows[0].what]
    for engine in dict.fromkeys(row.engine for row in rows):
        points = sorted((place(row), row.least or 0.0) for row in rows if row.engine == engine)
        style = "-" if engine == OF_OURS else "--"
        axes.plot(*zip(*points, strict=True), style, marker=".", label=engine)
    axes.set_xlabel(label)
