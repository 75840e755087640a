"""Train the rows of a comparison of methods, some at a time."""

import contextlib
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TextIO

import torch
from detectron2.config import CfgNode
from detectron2.utils.env import seed_all_rng

from groupnet_det.analysis.complexity import count_complexity
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.setup import choose_device
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import DataError, TrainingError
from groupnet_det.files.csv_records import append_record

from .grid import Grid
from .rows import ComparisonRow, RowKey, make_row, read_comparison

# In the keys of a method: its config file, instead of the one of all rows.
BASE = "_BASE_"


def train_grid(
    grid: Grid,
    methods: Mapping[str, Mapping[str, Any]],
    path: Path,
    *,
    config: str,
    options: Sequence[str],
    num_jobs: int,
    keep: bool = False,
) -> None:
    """Train the missing rows, each in a process of its own, some at a time.

    Args:
        grid: What is to be trained.
        methods: Name -> config keys and values.
        path: CSV of the rows.
        config, options: Config file, and keys and values, of all rows.
        num_jobs: Trainings at a time, which share the CPU's threads; or each has
            ``OMP_NUM_THREADS``, where that is set.
        keep: Whether the checkpoints and the config of each row stay in its folder.

    Raises:
        UserError: A training ended in one; the other rows are kept.
    """
    setting = (threads_of_each(num_jobs), config, options)
    with ProcessPoolExecutor(num_jobs, get_context("spawn"), _prepare_worker, setting) as executor:

        def start(key: RowKey) -> Future[ComparisonRow]:
            return executor.submit(_train_row, key, methods[key.method], config, options, keep)

        run_grid(grid, path, start, num_jobs=num_jobs)


def run_grid(
    grid: Grid, path: Path, start: Callable[[RowKey], Future[ComparisonRow]], *, num_jobs: int
) -> None:
    """Start what is open, and add each row to the CSV as it is finished.

    The first error stops new trainings and is raised when those that run are finished, and kept.
    """
    running: dict[Future[ComparisonRow], RowKey] = {}
    error: BaseException | None = None
    while True:
        waiting = [
            key for key in grid.open_keys(read_comparison(path)) if key not in running.values()
        ]
        for key in waiting[: num_jobs - len(running)] if error is None else []:
            running[start(key)] = key
        if not running:
            break
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for job in done:
            running.pop(job)
            if job.exception():
                error = error or job.exception()
                continue
            append_record(path, job.result())
            _print_progress(job.result(), grid, read_comparison(path), num_jobs)
    if error:
        raise error


def _print_progress(
    row: ComparisonRow, grid: Grid, rows: Sequence[ComparisonRow], num_jobs: int
) -> None:
    """One line for a finished row."""
    left = grid.num_open(rows)
    eta = timedelta(seconds=round(grid.seconds_left(rows, num_jobs)))
    print(
        f"{row.method:24} {row.purpose:6} lr {row.learning_rate:<8g} seed {row.seed:<5} "
        f"{row.metric} {row.score:5.2f}  {row.seconds:5.0f} s   "
        f"{sum(left.values())} rows left, {left['search']} of them searches, about {eta}",
        flush=True,
    )


def _train_row(
    key: RowKey,
    method_options: Mapping[str, Any],
    config: str,
    options: Sequence[str],
    keep: bool,
) -> ComparisonRow:
    """Train and evaluate one row; runs in a process of its own, and prints nothing but why the
    training failed: what evaluators print goes to ``log.txt`` in the row's folder."""
    cfg, metric = row_config(key, method_options, config, options)
    folder = Path(cfg.OUTPUT_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").unlink(missing_ok=True)  # of an interrupted training
    if keep:
        (folder / "config.yaml").write_text(cfg.dump())
    terminal = sys.stdout
    with (folder / "log.txt").open("w") as log, contextlib.redirect_stdout(log):
        row = _measure_row(key, cfg, metric, terminal)
    for checkpoint in [] if keep else folder.glob("*.pth"):
        checkpoint.unlink()  # a grid's would fill the disk
    return row


def _measure_row(key: RowKey, cfg: CfgNode, metric: str, terminal: TextIO) -> ComparisonRow:
    """Train a row and return it; a failure is reported on `terminal`."""
    seed_all_rng(cfg.SEED)  # of the initial weights, whatever this process trained before
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    start = time.perf_counter()
    try:
        trainer.train()
        results = last_results(trainer, metric)
    except TrainingError as error:
        message = f"{key.method}, learning rate {key.learning_rate:g}: {error}"
        print(message, file=terminal, flush=True)
        results = {}
    seconds = time.perf_counter() - start

    model = trainer.model.eval()
    first_image = next(iter(Trainer.build_test_loader(cfg, cfg.DATASETS.TEST[0])))[:1]
    complexity = count_complexity(model, lambda: model(first_image))
    return make_row(key, metric=metric, results=results, seconds=seconds, complexity=complexity)


def row_config(
    key: RowKey, method_options: Mapping[str, Any], config: str, options: Sequence[str]
) -> tuple[CfgNode, str]:
    """The config of a row, frozen, and the metric that counts: the config's ``BEST_METRIC``.

    A method with a config of its own gets the ``SOLVER`` of `config`, as one schedule is for all.
    Searches are scored on ``DATASETS.VAL`` where it names a data set.
    """
    keys = dict(method_options)
    base = str(keys.pop(BASE, config))
    cfg = load_config(base, [*options, *_in_a_row(keys)])
    of_solver = {key: value for key, value in keys.items() if key.startswith("SOLVER.")}
    common = load_config(config, [*options, *_in_a_row(of_solver)])
    cfg.SOLVER, cfg.OUTPUT_DIR = common.SOLVER, common.OUTPUT_DIR
    metric = cfg.SOLVER.BEST_METRIC
    cfg.SOLVER.BASE_LR = key.learning_rate
    cfg.SOLVER.MAX_ITER = key.iterations
    cfg.SEED = key.seed
    cfg.TEST.EVAL_PERIOD = 0  # once, at the end
    cfg.SOLVER.BEST_METRIC = ""
    cfg.OUTPUT_DIR = str(Path(cfg.OUTPUT_DIR) / key.folder)
    if key.purpose == "search" and cfg.DATASETS.VAL:
        cfg.DATASETS.TEST = tuple(cfg.DATASETS.VAL)
    choose_device(cfg, torch.cuda.device_count())
    cfg.freeze()
    return cfg, metric


def _in_a_row(keys: Mapping[str, Any]) -> list[str]:
    return [str(item) for pair in keys.items() for item in pair]


def last_results(trainer: Trainer, metric: str) -> dict[str, float]:
    """Values of the evaluation that ended a training; those that are not numbers count as 0."""
    task = metric.split("/")[0] + "/"
    latest = {name: value for name, (value, _) in trainer.storage.latest().items()}
    if metric not in latest:
        raise DataError(f"no {metric} was measured; is DATASETS.TEST one data set?")
    # Also those of fewer bases, such as bases_1/classification/top1.
    found = {name: value for name, value in latest.items() if f"/{task}" in f"/{name}"}
    return {name: value if math.isfinite(value) else 0.0 for name, value in found.items()}


def _prepare_worker(threads: int, config: str, options: Sequence[str]) -> None:
    """Settings of a training process, which stays silent but for warnings."""
    torch.set_num_threads(threads)
    register_datasets(load_config(config, options))
    logging.disable(logging.INFO)


def threads_of_each(num_jobs: int) -> int:
    """Threads of each of some trainings at a time."""
    if "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()  # torch has read it
    return max(1, usable_cores() // num_jobs)


def usable_cores() -> int:
    """Cores that this process may use; fewer than the machine has where it is bound to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
