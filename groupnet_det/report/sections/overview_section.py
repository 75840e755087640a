"""Section with the key figures of a report."""

from groupnet_det.analysis.precision_map import count_weights
from groupnet_det.benchmark.suites.against_float import FLOAT, PACKED_NETWORK
from groupnet_det.engine.records import output_names
from groupnet_det.engine.records.recorded_scores import SCORE_PREFIXES
from groupnet_det.errors import UserError
from groupnet_det.report.baseline import baseline_score
from groupnet_det.report.html.html_blocks import Block, Tile, Tiles
from groupnet_det.report.score_rows import LABELS, group_metrics, last_value, leading
from groupnet_det.report.training_run import Run

from .deployment_section import latency_of, packed_bytes


def overview(run: Run) -> list[Block]:
    """Available key figures: a score per task, binary weights, size, latency."""
    tiles: list[Tile] = []
    for make in (_scores, _weights, _size, _time):
        try:
            tiles += make(run)
        except UserError:
            continue  # a later section names what is missing
    return [Tiles(tiles=tiles)] if tiles else []


def _scores(run: Run) -> list[Tile]:
    tiles = []
    for (dataset, task), metrics in group_metrics(run.metrics).items():
        for metric in leading(metrics)[:1]:
            name = f"{LABELS.get(metric.name, metric.name)}, {SCORE_PREFIXES[task]}"
            where = dataset or ", ".join(run.cfg.DATASETS.TEST)
            value = last_value(run.metrics, metric.key)
            hint = f"per cent, {where}"
            if (of_baseline := baseline_score(run, metric.key)) is not None:
                hint += f"; full precision: {of_baseline:.1f}"
            tiles.append(Tile(label=name, value=f"{value:.1f}", hint=hint))
    return tiles


def _weights(run: Run) -> list[Tile]:
    binary, total = count_weights(run.model)
    bases = run.cfg.MODEL.GROUPNET.NUM_BASES
    hint = f"of {total:,}; K = {bases}"
    return [Tile(label="binary weights", value=f"{100 * binary / total:.1f} %", hint=hint)]


def _size(run: Run) -> list[Tile]:
    sizes = packed_bytes(run)
    hint = f"float32 baseline: {sizes[FLOAT] / sizes[PACKED_NETWORK]:.1f} × as large"
    return [Tile(label="packed file", value=f"{sizes[PACKED_NETWORK] / 1e6:.2f} MB", hint=hint)]


def _time(run: Run) -> list[Tile]:
    figures = latency_of(run)
    with run.reading(output_names.LATENCY, run.benchmark_command):
        milliseconds = figures["milliseconds"][PACKED_NETWORK]["median"]
        hint = f"float32 baseline: {figures['times_packed'][FLOAT]['median']:.1f} × as long"
        return [Tile(label="packed, an image", value=f"{milliseconds:.1f} ms", hint=hint)]
