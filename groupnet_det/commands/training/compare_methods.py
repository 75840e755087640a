"""Train a list of methods with one schedule, and show what they reach against what they cost."""

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate

from groupnet_det.comparison.grid import Grid, Summary, by_key, summarize
from groupnet_det.comparison.grid_training import row_config, train_grid
from groupnet_det.comparison.rows import ComparisonRow, read_comparison
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import make_missing_datasets, register_datasets
from groupnet_det.data.text_files import read_text
from groupnet_det.engine.checks.binary_share import build_without_weights, check_binary_share
from groupnet_det.engine.setup import check_output_dir, check_run
from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.files.paths import results_folder
from groupnet_det.visualization.comparison_plot import plot_comparison

from . import training_flags
from .compare_front import show_front

METHODS = Path(__file__).with_name("methods")


def _check_rows(
    grid: Grid, methods: Mapping[str, Mapping[str, Any]], arguments: argparse.Namespace
) -> None:
    """Check the config of each method, so that errors and warnings appear once, at the start.

    Raises:
        UserError: One cannot work.
    """
    config, options = arguments.config_file, arguments.opts
    cfg = load_config(config, options)
    register_datasets(cfg)
    used = [*cfg.DATASETS.TRAIN, *cfg.DATASETS.VAL, *cfg.DATASETS.TEST]
    make_missing_datasets(used)
    check_output_dir(cfg.OUTPUT_DIR)
    with _each_warning_once():
        for key in grid.first_results():
            own, _ = row_config(key, methods[key.method], config, options)
            network = build_without_weights(own)
            check_binary_share(own, network)
            check_run(own, network, used, num_jobs=arguments.jobs)


@contextmanager
def _each_warning_once() -> Iterator[None]:
    """While many configs are checked that share most of their warnings."""
    seen: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known = record.getMessage() in seen
        seen.add(record.getMessage())
        return not known

    handler, logger = logging.StreamHandler(), logging.getLogger("groupnet_det")
    handler.addFilter(is_new)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def show_searches(grid: Grid, rows: Sequence[ComparisonRow]) -> None:
    """Print what each method reached in the search, by learning rate; the best in bold."""
    done = by_key(rows)
    table = []
    for method in grid.methods:
        found = [done.get(key) for key in grid.search_keys(method)]
        best = max((row.score for row in found if row), default=None)
        cells = ["" if row is None else f"{row.score:.2f}" for row in found]
        if best is not None:
            bold = (
                f"**{cell}**" if row and row.score == best else cell
                for row, cell in zip(found, cells, strict=True)
            )
            table.append((method, *bold))
    if table:
        headers = ["search", *(f"{rate:g}" for rate in grid.learning_rates)]
        print("\n" + tabulate(table, headers=headers, disable_numparse=True, tablefmt="pipe"))


def _show_grid(summaries: list[Summary], path: Path, picture: Path, title: str) -> None:
    """Print the table and draw the plot of the finished rows."""
    if not summaries:
        print(f"{path} holds no result of this grid yet (methods, learning rates, seeds, lengths)")
        return
    table = [
        (
            s.method,
            f"{s.score:.2f} ± {s.deviation:.2f}" if s.num_seeds > 1 else f"{s.score:.2f}",
            s.num_seeds,
            f"{s.learning_rate:g}",
            f"{s.operations / 1e6:.2f}",
            f"{s.num_bytes / 1e3:.0f}",
            f"{s.seconds:.0f}",
        )
        for s in summaries
    ]
    headers = [
        "method",
        summaries[0].metric,
        "seeds",
        "learning rate",
        "M operations",
        "kB",
        "seconds",
    ]
    print("\n" + tabulate(table, headers=headers, disable_numparse=True, tablefmt="pipe"))
    plot_comparison(summaries, picture, title)
    print(f"\nrows: {path}\nplot: {picture}")


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = training_flags.compare_methods()
    return parser.parse_args(words)


def _find_methods(name: Path) -> Path:
    """A file, or one of the project's by its name, such as ``methods``.

    Raises:
        ConfigError: There is neither.
    """
    if name.is_file():
        return name
    own = METHODS / f"{name.stem}.yaml"
    if own.is_file() and name.parent in (Path(), Path("tools/comparison")):
        return own
    known = ", ".join(sorted(path.stem for path in METHODS.glob("*.yaml")))
    raise ConfigError(f"--methods-file {name} does not exist; the project has: {known}")


def _read_methods(path: Path) -> dict[str, dict[str, Any]]:
    """Name -> config keys and values.

    Raises:
        UserError: The file holds something else or is no text, or `_find_methods`.
    """
    path = _find_methods(path)
    try:
        methods = yaml.safe_load(read_text(path, "list of methods"))
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(methods, dict) or not all(isinstance(m, dict) for m in methods.values()):
        raise ConfigError(f"{path} must map names to config keys and values")
    return methods


def _make_grid(
    arguments: argparse.Namespace, methods: dict[str, dict[str, Any]], iterations: int
) -> Grid:
    """The grid that the flags describe.

    Raises:
        ConfigError: A flag holds what cannot work.
    """
    names = list(dict.fromkeys(arguments.methods or methods))
    for name in names:
        lookup(methods, name, "--methods")
    if not 0 < arguments.search_share <= 1:
        raise ConfigError(f"--search-share is {arguments.search_share}; valid: above 0, to 1")
    if arguments.jobs < 1:
        raise ConfigError(f"--jobs is {arguments.jobs}; valid: 1 and more")
    return Grid(
        methods=names,
        learning_rates=list(dict.fromkeys(arguments.learning_rates)),
        seeds=list(dict.fromkeys(arguments.seeds)),
        iterations=iterations,
        search_iterations=max(1, round(iterations * arguments.search_share)),
        single_seed=frozenset(arguments.single_seed),
    )


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        methods = _read_methods(arguments.methods_file)
        cfg = load_config(arguments.config_file, arguments.opts)
        grid = _make_grid(arguments, methods, cfg.SOLVER.MAX_ITER)
        label = Path(arguments.config_file).stem
        path = arguments.csv or results_folder() / "comparison" / f"{label}.csv"
        if not (arguments.show_only or arguments.time):
            _check_rows(grid, methods, arguments)
            train_grid(
                grid,
                methods,
                path,
                config=arguments.config_file,
                options=arguments.opts,
                num_jobs=arguments.jobs,
                keep=arguments.keep or arguments.front,
            )
        rows = read_comparison(path)
        show_searches(grid, rows)
        picture = Path(cfg.OUTPUT_DIR) / "comparison.png"
        title = f"{label}: what methods reach, against what they cost"
        if grid.seeds:
            _show_grid(summarize(grid, rows), path, picture, title)
        if arguments.front or arguments.time:
            register_datasets(cfg)
            show_front(arguments, grid, rows, methods)
    except UserError as error:
        sys.exit(f"error: {error}")
    return 0
