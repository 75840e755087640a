"""``groupnet-det compare --front``: accuracy against milliseconds of what a comparison trained."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groupnet_det.benchmark.front.front import Front, format_front, times_of
from groupnet_det.benchmark.front.front_rows import ScoreRow, TimeRow, make_points
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.comparison.grid import Grid, by_key
from groupnet_det.comparison.grid_training import row_config
from groupnet_det.comparison.rows import ComparisonRow, RowKey
from groupnet_det.engine.records.output_names import CHECKPOINT
from groupnet_det.errors import ConfigError
from groupnet_det.files.csv_records import read_records
from groupnet_det.files.paths import results_folder
from groupnet_det.visualization.comparison_plot import plot_front

Methods = Mapping[str, Mapping[str, Any]]


def show_front(
    arguments: argparse.Namespace, grid: Grid, rows: Sequence[ComparisonRow], methods: Methods
) -> None:
    """Score, or with ``--time`` time, the finished results; print the table and draw the plot.

    Raises:
        UserError: A checkpoint is missing, or a network cannot be deployed.
    """
    label = Path(arguments.config_file).stem
    path = arguments.front_csv or results_folder() / "front" / f"{label}.csv"
    trained = _trained_configs(arguments, grid, rows, methods)
    front = Front(
        trained,
        path,
        threads=arguments.threads,
        calibration_images=arguments.calibration_images,
    )
    if arguments.time:
        front.time(Schedule(rounds=arguments.rounds))
    elif not arguments.show_only:
        front.score()
    wanted = set(grid.methods)
    scores = read_records(path, ScoreRow, more_columns=True)
    times = read_records(times_of(path), TimeRow, more_columns=True)
    points = make_points([row for row in scores if row.method in wanted], times)
    if not points:
        print(f"{path} holds no score of these methods yet")
        return
    print("\n" + format_front(points))
    if any(point.milliseconds is not None for point in points):
        picture = path.with_suffix(".png")
        plot_front(points, picture, f"{label}: accuracy against time")
        print(f"\nplot: {picture}")


def _trained_configs(
    arguments: argparse.Namespace, grid: Grid, rows: Sequence[ComparisonRow], methods: Methods
) -> dict[RowKey, Any]:
    """The config of each finished result, with what it trained in ``MODEL.WEIGHTS``, and its
    metric.

    Raises:
        ConfigError: A checkpoint was not kept.
    """
    done = by_key(rows)
    keys = [key for method in grid.methods for key in grid.result_keys(method, done)]
    found = {}
    for key in keys:
        if key not in done:
            continue
        cfg, metric = row_config(key, methods[key.method], arguments.config_file, arguments.opts)
        weights = Path(cfg.OUTPUT_DIR) / CHECKPOINT
        if not weights.is_file():
            raise ConfigError(
                f"{weights} is missing: it was trained without --front or --keep; remove its row "
                "from the CSV, and it is trained again"
            )
        cfg.defrost()
        cfg.MODEL.WEIGHTS = str(weights)
        cfg.freeze()
        found[key] = cfg, metric
    return found
