"""Train the rows of a comparison of methods, some at a time."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode

from groupnet_det.analysis.comparison import Grid
from groupnet_det.analysis.comparison_rows import Row, RowKey, append_row, make_row, read_rows
from groupnet_det.analysis.complexity import count_complexity
from groupnet_det.config import load_config
from groupnet_det.data.registration import register_datasets
from groupnet_det.errors import DataError, TrainingError

from .setup import choose_device
from .trainer import Trainer

METRIC = "classification/top1"


def train_grid(
    grid: Grid,
    methods: Mapping[str, Mapping[str, Any]],
    path: Path,
    *,
    config: str,
    options: Sequence[str],
    num_jobs: int,
) -> None:
    """Train the missing rows, each in a process of its own, some at a time.

    Args:
        grid: What is to be trained.
        methods: Name -> config keys and values.
        path: CSV of the rows.
        config, options: Config file, and keys and values, of all rows.
        num_jobs: Trainings at a time, which share the CPU's threads.

    Raises:
        UserError: A training ended in one; the other rows are kept.
    """
    threads = max(1, (os.cpu_count() or 1) // num_jobs)
    setting = (threads, config, options)
    with ProcessPoolExecutor(num_jobs, get_context("spawn"), _prepare_worker, setting) as executor:

        def start(key: RowKey) -> Future[Row]:
            return executor.submit(_train_row, key, methods[key.method], config, options)

        run_grid(grid, path, start, num_jobs=num_jobs)


def run_grid(
    grid: Grid, path: Path, start: Callable[[RowKey], Future[Row]], *, num_jobs: int
) -> None:
    """Start what is open, and add each row to the CSV as it is finished.

    The first error stops new trainings and is raised when those that run are finished, and kept.
    """
    begin, finished = time.perf_counter(), 0
    running: dict[Future[Row], RowKey] = {}
    error: BaseException | None = None
    while True:
        waiting = [key for key in grid.open_keys(read_rows(path)) if key not in running.values()]
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
            append_row(path, job.result())
            finished += 1
            seconds = (time.perf_counter() - begin) / finished
            _print_progress(job.result(), grid.num_open(read_rows(path)), seconds)
    if error:
        raise error


def _print_progress(row: Row, num_left: int, seconds: float) -> None:
    """One line for a finished row; `seconds` is the time between two of them."""
    eta = timedelta(seconds=round(seconds * num_left))
    print(
        f"{row.method:24} {row.purpose:6} lr {row.learning_rate:<8g} seed {row.seed:<5} "
        f"top-1 {row.top1:5.2f}  {row.seconds:5.0f} s   {num_left} rows left, about {eta}",
        flush=True,
    )


def _train_row(
    key: RowKey, method_options: Mapping[str, Any], config: str, options: Sequence[str]
) -> Row:
    """Train and evaluate one row; runs in a process of its own."""
    cfg = _row_config(key, method_options, config, options)
    os.makedirs(cfg.OUTPUT_DIR, exist_ok=True)
    (Path(cfg.OUTPUT_DIR) / "metrics.json").unlink(missing_ok=True)  # of an interrupted training
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    start = time.perf_counter()
    try:
        trainer.train()
        top1 = _last_metric(trainer)
    except TrainingError as error:
        print(f"{key.method}, learning rate {key.learning_rate:g}: {error}", flush=True)
        top1 = 0.0
    seconds = time.perf_counter() - start

    for checkpoint in Path(cfg.OUTPUT_DIR).glob("*.pth"):
        checkpoint.unlink()  # a grid's would fill the disk
    model = trainer.model.eval()
    side = cfg.INPUT.CLASSIFICATION.TEST_CROP
    image = {"image": torch.zeros(3, side, side, dtype=torch.uint8)}
    complexity = count_complexity(model, lambda: model([image]))
    return make_row(key, top1=top1, seconds=seconds, complexity=complexity)


def _row_config(
    key: RowKey, method_options: Mapping[str, Any], config: str, options: Sequence[str]
) -> CfgNode:
    """The config of a row, frozen."""
    pairs = [str(item) for pair in method_options.items() for item in pair]
    cfg = load_config(config, [*options, *pairs])
    cfg.SOLVER.BASE_LR = key.learning_rate
    cfg.SOLVER.MAX_ITER = key.iterations
    cfg.SEED = key.seed
    cfg.TEST.EVAL_PERIOD = 0  # once, at the end
    cfg.SOLVER.BEST_METRIC = ""
    cfg.OUTPUT_DIR = str(Path(cfg.OUTPUT_DIR) / key.folder)
    choose_device(cfg, torch.cuda.device_count())
    cfg.freeze()
    return cfg


def _last_metric(trainer: Any) -> float:
    """`METRIC` of the evaluation that ended a training."""
    try:
        return trainer.storage.history(METRIC).latest()
    except KeyError:
        raise DataError(f"no {METRIC} was measured; is DATASETS.TEST one data set?") from None


def _prepare_worker(threads: int, config: str, options: Sequence[str]) -> None:
    """Settings of a training process, which stays silent but for warnings."""
    torch.set_num_threads(threads)
    register_datasets(load_config(config, options))
    logging.disable(logging.INFO)
