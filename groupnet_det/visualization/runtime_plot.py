"""Times of the packed engine and of other engines, in a picture for each question."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.benchmark.measure.table import OURS, Row
from groupnet_det.benchmark.measure.workload import BESIDE

# Row -> place on the axis, by what is varied.
CURVES: dict[str, tuple[str, Callable[[Row], float]]] = {
    "scaling bases": ("K", lambda row: row.num_bases),
    "scaling size": ("pixels a side", lambda row: float(row.workload.rpartition("@")[2])),
    "scaling threads": ("threads", lambda row: row.threads),
    "scaling batch": ("images", lambda row: row.batch),
}
LAYERS = ("layer fused", "layer alone")  # the first of them that was measured is drawn
COLUMNS = 2
LABEL_SPACE = 1.35  # times the last place of a curve, for its label


def plot_runtime(rows: Sequence[Row], output: Path, title: str) -> list[Path]:
    """Draw how layers compare, how long networks take, and how times grow, into a PNG each.

    Args:
        rows: With times in ms; others, and unavailable engines are left out.
        output: ``NAME.png`` stands for ``NAME_layers.png``, ``NAME_networks.png`` and
            ``NAME_scaling.png``.
        title: Above the plots, such as the processor.

    Returns:
        The files that there are rows for.
    """
    shown = [row for row in rows if row.unit == "ms" and row.least is not None]
    written = []
    for kind, (belongs, draw, height) in _PICTURES.items():
        panels = _panels([row for row in shown if belongs(row, shown)])
        if panels:
            path = output.with_name(f"{output.stem}_{kind}{output.suffix}")
            _draw_picture(panels, draw, height, path, title)
            written.append(path)
    return written


def _panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that share a plot, by its title."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        name = row.what if row.what == "scaling bases" else f"{row.what}, K = {row.num_bases}"
        if row.what not in CURVES and not row.what.startswith("layer"):
            name += f", {row.workload}"
        panels.setdefault(name, []).append(row)
    return panels


def _draw_picture(
    panels: dict[str, list[Row]],
    draw: Callable[[Any, Sequence[Row]], None],
    height: float,
    path: Path,
    title: str,
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure, panes = plt.subplots(
        lines, columns, figsize=(7 * columns, height * lines), layout="constrained", squeeze=False
    )
    figure.suptitle(title)
    for axes in panes.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (name, rows) in zip(panes.flat, panels.items(), strict=False):
        draw(axes, rows)
        axes.set_title(name)
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _draw_ratios(axes: Any, rows: Sequence[Row]) -> None:
    """A line for each shape, with a mark where each engine stands relative to ours."""
    shapes = list(dict.fromkeys(row.workload for row in rows))
    for number, engine in enumerate(dict.fromkeys(row.engine for row in rows)):
        of_engine = [row for row in rows if row.engine == engine and row.x_least]
        places = [shapes.index(row.workload) for row in of_engine]
        style = {"marker": "os^vDPX*<>"[number % 10], "s": 60, "label": engine}
        axes.scatter([row.x_least for row in of_engine], places, **style)
    axes.set(xscale="log", xlabel="time relative to ours (log scale)")
    axes.set_yticks(range(len(shapes)), shapes)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x", which="both")
    axes.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _draw_bars(axes: Any, rows: Sequence[Row]) -> None:
    """A bar for each engine, the fastest first, with its time and how many times ours that is."""
    # Beside other work the least time is the one without it.
    value, shown = ("median", "median") if rows[0].what == BESIDE else ("least", "minimum")
    ordered = sorted(rows, key=lambda row: getattr(row, value))
    times = [getattr(row, value) for row in ordered]
    ratios = [getattr(row, f"x_{value}") for row in ordered]
    colours = ["tab:orange" if row.engine.startswith(OURS) else "tab:gray" for row in ordered]
    bars = axes.barh(range(len(ordered)), times, color=colours)
    texts = [
        f"{time:.3g} ms" + (f" ({ratio:.2g}×)" if ratio else "")
        for time, ratio in zip(times, ratios, strict=True)
    ]
    axes.bar_label(bars, texts, padding=3, fontsize=8)
    axes.set_yticks(range(len(ordered)), [row.engine for row in ordered], fontsize=8)
    axes.set(xlabel=f"ms, {shown} of the rounds", xlim=(0, 1.3 * max(times)))
    axes.invert_yaxis()


def _draw_curves(axes: Any, rows: Sequence[Row]) -> None:
    """A curve for each engine, named at its end."""
    from matplotlib.ticker import LogLocator

    label, place = CURVES[rows[0].what]
    ends = {}
    for engine in dict.fromkeys(row.engine for row in rows):
        points = sorted((place(row), row.least or 0.0) for row in rows if row.engine == engine)
        style = "-" if engine == OURS else "--"
        (line,) = axes.plot(*zip(*points, strict=True), style, marker=".")
        ends[engine] = (*points[-1], line.get_color())
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="ms, minimum of the rounds")
    ticks = sorted({place(row) for row in rows})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlim(right=ticks[-1] * LABEL_SPACE)
    axes.grid(alpha=0.3)
    lowest = 0.0
    height = (max(y for _, y, _ in ends.values()) / min(row.least or 0.0 for row in rows)) ** 0.05
    for engine, (x, y, colour) in sorted(ends.items(), key=lambda end: end[1][1]):
        lowest = max(y, lowest * height)  # labels do not cover each other
        beside = (x * 1.03, lowest)
        axes.annotate(engine, (x, y), beside, color=colour, fontsize=8, va="center")


def _is_layer(row: Row, rows: Sequence[Row]) -> bool:
    measured = {row.what for row in rows}
    return row.what == next((what for what in LAYERS if what in measured), None)


def _is_network(row: Row, _: Sequence[Row]) -> bool:
    return not row.what.startswith(("layer", "scaling"))


def _is_curve(row: Row, _: Sequence[Row]) -> bool:
    return row.what in CURVES


# Name -> which rows it shows, how a plot of it is drawn, and the height of one in inches.
_PICTURES: dict[str, tuple[Callable[..., bool], Callable[[Any, Sequence[Row]], None], float]] = {
    "layers": (_is_layer, _draw_ratios, 4.6),
    "networks": (_is_network, _draw_bars, 2.8),
    "scaling": (_is_curve, _draw_curves, 4.0),
}
