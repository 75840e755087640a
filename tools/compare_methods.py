#!/usr/bin/env python3
"""Train a list of methods with one schedule, and show accuracy against cost.

  python tools/compare_methods.py --config-file configs/Comparison/sign_digits.yaml --jobs 2
  python tools/compare_methods.py --config-file configs/Comparison/sign_digits.yaml --show-only

Each method first gets its best learning rate from one common grid, with a shorter schedule and a
seed that is used for nothing else. Every finished training is a row of the CSV at once; started
again, the tool goes on with the rows that are missing. Table and plot show what is finished.
"""

import argparse
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate

from groupnet_det.engine.comparison import (
    Grid,
    Row,
    RowKey,
    append_row,
    last_metric,
    make_row,
    read_rows,
    row_folder,
    summarize,
)
from groupnet_det.errors import ConfigError, UserError, lookup

ROOT = Path(__file__).resolve().parent.parent


def train_row(key: RowKey, method_options: dict[str, Any], config: str, options: list[str]) -> Row:
    """Train and evaluate one row; runs in a process of its own."""
    import torch

    from groupnet_det.analysis.complexity import count_complexity
    from groupnet_det.config import load_config
    from groupnet_det.engine.setup import choose_device
    from groupnet_det.engine.trainer import Trainer

    pairs = [str(item) for pair in method_options.items() for item in pair]
    cfg = load_config(config, [*options, *pairs])
    cfg.SOLVER.BASE_LR = key.learning_rate
    cfg.SOLVER.MAX_ITER = key.iterations
    cfg.SEED = key.seed
    cfg.TEST.EVAL_PERIOD = 0  # once, at the end
    cfg.SOLVER.BEST_METRIC = ""
    cfg.OUTPUT_DIR = str(row_folder(cfg.OUTPUT_DIR, key))
    choose_device(cfg, torch.cuda.device_count())
    cfg.freeze()
    os.makedirs(cfg.OUTPUT_DIR, exist_ok=True)
    (Path(cfg.OUTPUT_DIR) / "metrics.json").unlink(missing_ok=True)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start

    for checkpoint in Path(cfg.OUTPUT_DIR).glob("*.pth"):
        checkpoint.unlink()  # a grid's would fill the disk
    model = trainer.model.eval()
    side = cfg.INPUT.CLASSIFICATION.TEST_CROP
    image = {"image": torch.zeros(3, side, side, dtype=torch.uint8)}
    complexity = count_complexity(model, lambda: model([image]))
    return make_row(
        key, top1=last_metric(Path(cfg.OUTPUT_DIR)), seconds=seconds, complexity=complexity
    )


def prepare_worker(threads: int, config: str, options: list[str]) -> None:
    """Settings of a training process, which stays silent but for warnings."""
    import logging

    import torch

    from groupnet_det.config import load_config
    from groupnet_det.data.registration import register_datasets

    torch.set_num_threads(threads)
    register_datasets(load_config(config, options))
    logging.disable(logging.INFO)


def check_data(config: str, options: list[str]) -> None:
    """What would fail in every row fails here, once."""
    from groupnet_det.config import load_config
    from groupnet_det.data.check import check_datasets
    from groupnet_det.data.registration import make_absent_datasets, register_datasets

    cfg = load_config(config, options)
    register_datasets(cfg)
    used = [*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST]
    make_absent_datasets(used)
    check_datasets(cfg, used)


def train_grid(grid: Grid, methods: dict[str, dict], path: Path, arguments: Any) -> None:
    """Train all missing rows, some at a time."""
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    setting = (threads, arguments.config_file, arguments.opts)
    start, finished = time.perf_counter(), 0
    with ProcessPoolExecutor(
        arguments.jobs, get_context("spawn"), prepare_worker, setting
    ) as executor:
        running: dict[Future[Row], RowKey] = {}
        while True:
            waiting = [k for k in grid.open_keys(read_rows(path)) if k not in running.values()]
            for key in waiting[: arguments.jobs - len(running)]:
                job = executor.submit(
                    train_row, key, methods[key.method], arguments.config_file, arguments.opts
                )
                running[job] = key
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for job in done:
                running.pop(job)
                row = job.result()
                append_row(path, row)
                finished += 1
                elapsed = time.perf_counter() - start
                left = count_missing(grid, read_rows(path))
                eta = timedelta(seconds=round(elapsed / finished * left))
                print(
                    f"{row.method:24} {row.purpose:6} lr {row.learning_rate:<8g} "
                    f"seed {row.seed:<5} top-1 {row.top1:5.2f}  {row.seconds:5.0f} s   "
                    f"{left} rows left, about {eta}",
                    flush=True,
                )


def count_missing(grid: Grid, rows: list[Row]) -> int:
    """Rows of the whole grid that are not finished."""
    done = {row.key for row in rows}
    count = 0
    for method in grid.methods:
        search = [key for key in grid.search_keys(method) if key not in done]
        seeds = 1 if method in grid.single_seed else len(grid.seeds)
        by_key = {row.key: row for row in rows}
        results = grid.result_keys(method, by_key) if not search else []
        count += len(search) + seeds - sum(key in done for key in results)
    return count


def show(grid: Grid, path: Path, picture: Path, title: str) -> None:
    """Print the table and draw the plot of the finished rows."""
    from groupnet_det.visualization.comparison import plot_comparison

    summaries = summarize(grid.methods, read_rows(path), grid.iterations)
    if not summaries:
        print("no result is finished yet")
        return
    table = [
        (
            s.method,
            f"{s.top1:.2f} ± {s.deviation:.2f}" if s.num_seeds > 1 else f"{s.top1:.2f}",
            s.num_seeds,
            f"{s.learning_rate:g}",
            f"{s.operations / 1e6:.2f}",
            f"{s.num_bytes / 1e3:.0f}",
            f"{s.seconds:.0f}",
        )
        for s in summaries
    ]
    headers = ["method", "top-1", "seeds", "learning rate", "M operations", "kB", "seconds"]
    print("\n" + tabulate(table, headers=headers, disable_numparse=True, tablefmt="pipe"))
    plot_comparison(summaries, picture, title)
    print(f"\nrows: {path}\nplot: {picture}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, help="schedule and data of all rows")
    parser.add_argument(
        "--methods-file", type=Path, default=ROOT / "configs/Comparison/methods.yaml"
    )
    parser.add_argument("--methods", nargs="+", help="some names of that file; all if absent")
    parser.add_argument("--learning-rates", nargs="+", type=float, default=[0.003, 0.01, 0.03])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--single-seed", nargs="*", default=["ABC-Net 5/5"], metavar="METHOD")
    parser.add_argument(
        "--search-share", type=float, default=1 / 3, help="length of a search, of MAX_ITER"
    )
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--csv", type=Path, help="rows; by default results/comparison_<config>.csv")
    parser.add_argument("--show-only", action="store_true", help="train nothing")
    parser.add_argument("opts", nargs="*", default=[], help="config keys and values, of all rows")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    from groupnet_det.config import load_config

    try:
        methods = yaml.safe_load(arguments.methods_file.read_text())
        names = arguments.methods or list(methods)
        for name in names:
            lookup(methods, name, "--methods")
        cfg = load_config(arguments.config_file, arguments.opts)
        if not 0 < arguments.search_share <= 1:
            raise ConfigError(f"--search-share is {arguments.search_share}; valid: above 0, to 1")
        grid = Grid(
            methods=names,
            learning_rates=arguments.learning_rates,
            seeds=arguments.seeds,
            iterations=cfg.SOLVER.MAX_ITER,
            search_iterations=round(cfg.SOLVER.MAX_ITER * arguments.search_share),
            single_seed=frozenset(arguments.single_seed),
        )
        label = Path(arguments.config_file).stem
        path = arguments.csv or ROOT / f"results/comparison_{label}.csv"
        if not arguments.show_only:
            check_data(arguments.config_file, arguments.opts)
            train_grid(grid, methods, path, arguments)
        show(grid, path, Path(cfg.OUTPUT_DIR) / "comparison.png", label)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
