"""Training steps of a config beside those of its full-precision baseline: seconds and memory.

Needs Detectron2, as the steps are those of the trainer.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from detectron2.config import CfgNode

from groupnet_det.benchmark.measure.timing import median_ratio, ratio_of_least
from groupnet_det.config import own_node
from groupnet_det.config.network import float_baseline_of
from groupnet_det.engine.memory.random_steps import BatchSize

OURS, BASELINE = "config", "baseline"


def size_of(cfg: CfgNode, *, num_images: int = 0, height: int = 0, width: int = 0) -> BatchSize:
    """The given size, else that of the config's training; a shorter side gives a square."""
    side = TRAINING_SIDES.get(cfg.MODEL.META_ARCHITECTURE, _shorter_side)(cfg)
    return BatchSize(
        num_images=num_images or cfg.SOLVER.IMS_PER_BATCH,
        height=height or side,
        width=width or side,
    )


def _shorter_side(cfg: CfgNode) -> int:
    return max(cfg.INPUT.MIN_SIZE_TRAIN)


TRAINING_SIDES: dict[str, Callable[[CfgNode], int]] = {
    "ImageClassifier": lambda cfg: own_node(cfg, "INPUT.CLASSIFICATION").TRAIN_CROP,
    "SemanticSegmentor": lambda cfg: own_node(cfg, "INPUT.SEMANTIC").CROP or _shorter_side(cfg),
}


NETWORKS: Mapping[str, Callable[[CfgNode], CfgNode]] = {
    OURS: lambda cfg: cfg,
    BASELINE: lambda cfg: float_baseline_of(cfg, device=cfg.MODEL.DEVICE),
}


@dataclass(frozen=True, kw_only=True)
class TrainingRow:
    """A config and its baseline.

    Attributes:
        config: Name.
        num_images, height, width: Size of the batch.
        seconds_least, seconds_median: An iteration of the config; over the rounds.
        baseline_least, baseline_median: An iteration of its baseline.
        x_least, x_median: How many times longer than the baseline's: by the least, and the median
            of the rounds' ratios.
        peak_mib, baseline_peak_mib: Memory that a process took for some steps, at most; nothing
            where it was not measured.
        x_peak: How many times the baseline's.
    """

    config: str
    num_images: int
    height: int
    width: int
    seconds_least: float
    seconds_median: float
    baseline_least: float
    baseline_median: float
    x_least: float
    x_median: float
    peak_mib: float | None = None
    baseline_peak_mib: float | None = None
    x_peak: float | None = None


def step_row(
    config: str,
    size: BatchSize,
    seconds: Mapping[str, Sequence[float]],
    memory: Mapping[str, float],
) -> TrainingRow:
    """A row from the seconds of each round and the MiB, both by `NETWORKS`; memory may be empty."""
    ours, baseline = seconds[OURS], seconds[BASELINE]
    figures = {
        "seconds_least": round(min(ours), 4),
        "seconds_median": round(statistics.median(ours), 4),
        "baseline_least": round(min(baseline), 4),
        "baseline_median": round(statistics.median(baseline), 4),
        "x_least": round(ratio_of_least(ours, baseline), 3),
        "x_median": round(median_ratio(ours, baseline), 3),
    }
    peaks = {}
    if memory:
        peaks = {
            "peak_mib": round(memory[OURS], 1),
            "baseline_peak_mib": round(memory[BASELINE], 1),
            "x_peak": round(memory[OURS] / memory[BASELINE], 3),
        }
    return TrainingRow(
        config=config,
        num_images=size.num_images,
        height=size.height,
        width=size.width,
        **figures,
        **peaks,
    )
