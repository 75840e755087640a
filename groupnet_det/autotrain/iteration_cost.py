"""Cost of an iteration on this machine: whether it fits into memory, and its time."""

import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.utils.events import EventStorage

from groupnet_det.engine.amp import build_step
from groupnet_det.engine.checks.binary_share import build_without_weights
from groupnet_det.engine.memory.memory_check import check_memory
from groupnet_det.engine.trainer import Trainer
from groupnet_det.errors import TrainingError

FIRST_STEPS = 2  # which are slower, or find batches that were made before
LEAST_STEPS, LEAST_SECONDS, MOST_SECONDS = 3, 3.0, 12.0


def fitting_batch(cfg: CfgNode, records: Sequence[dict[str, Any]], least: int) -> int:
    """``SOLVER.IMS_PER_BATCH``, halved until an iteration fits into the free memory.

    Args:
        cfg: Config of the training, thawed; it is not changed.
        records: Records of ``DATASETS.TRAIN``.
        least: Images below which an iteration is not halved.

    Raises:
        TrainingError: Not even `least` images fit.
    """
    cfg = cfg.clone()
    while True:
        try:
            check_memory(cfg, build_without_weights(cfg), records)
        except TrainingError:
            if least > cfg.SOLVER.IMS_PER_BATCH // 2:
                raise
            cfg.SOLVER.IMS_PER_BATCH //= 2
        else:
            return int(cfg.SOLVER.IMS_PER_BATCH)


def seconds_per_iteration(cfg: CfgNode) -> float:
    """Time of a training step with its loader, on the data of the config; see `typical_seconds`.

    Args:
        cfg: Config of the training; its data sets are registered.
    """
    model = Trainer.build_model(cfg)
    loader = Trainer.build_train_loader(cfg)
    trainer = build_step(cfg, model, loader, Trainer.build_optimizer(cfg, model))
    trainer.iter = 0
    with EventStorage():
        for _ in range(FIRST_STEPS):
            trainer.run_step()
        steps: list[float] = []
        while _needs_more(steps):
            started = time.perf_counter()
            trainer.run_step()  # reads the loss, which waits for a GPU
            steps.append(time.perf_counter() - started)
    return typical_seconds(steps)


def _needs_more(steps: Sequence[float]) -> bool:
    passed = sum(steps)
    return (len(steps) < LEAST_STEPS or passed < LEAST_SECONDS) and passed < MOST_SECONDS


def typical_seconds(steps: Sequence[float]) -> float:
    """The mean, which contains the steps that wait for the loader; but at most twice the median, so
    that one step in which the machine did something else does not count for all."""
    return min(statistics.mean(steps), 2 * statistics.median(steps))


def cpu_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
