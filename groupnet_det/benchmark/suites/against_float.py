"""A packed network beside the same one in full precision: the one measurement of it, which the web
page, the report and ``groupnet-det benchmark-packed`` share."""

import statistics
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from groupnet_det.benchmark.measure.timing import (
    Schedule,
    alternate,
    alternate_single_runs,
    burst_of,
    median_ratio,
    ratio_of_least,
)
from groupnet_det.runtime.predictor import PackedPredictor

from .float_baseline import FloatBaseline

PACKED, FLOAT = "packed", "float"
Runs = Mapping[str, Callable[[], object]]


def runs_of(
    predictor: PackedPredictor, baseline: FloatBaseline, pixels: Tensor, wanted: tuple[int, int]
) -> dict[str, Callable[[], object]]:
    """A run of each on an image, in which both find as many objects.

    Args:
        pixels, wanted: As `PackedPredictor.prepare` gives them.
    """
    baseline.match_answer(pixels, wanted, predictor.predict_pixels(pixels, wanted))
    return {
        PACKED: lambda: predictor.predict_pixels(pixels, wanted),
        FLOAT: lambda: baseline(pixels, wanted),
    }


def time_in_turns(
    runs: Runs, schedule: Schedule, *, long: float = float("inf")
) -> dict[str, list[float]]:
    """Seconds of each run, one value a round; see `alternate`.

    Args:
        runs: By name; without gradients.
        schedule: How long is measured.
        long: Seconds from which on a run is not repeated within a round.

    Raises:
        RuntimeError: This is not the main thread of its process. In others PyTorch has its maps
            from an arena that gives memory back to the system after each run: its times are up to
            twice as long, and those of the packed network are not.
    """
    if not _in_main_thread():
        raise RuntimeError("times are taken in the main thread alone")
    with torch.inference_mode():
        bursts = {name: burst_of(run) for name, run in runs.items()}
        if max(burst(1) for burst in bursts.values()) < long:  # which warms up too
            return alternate(bursts, schedule)
        return alternate_single_runs(runs, schedule.rounds)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def summary(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """``milliseconds`` of each side, ``least`` and ``median`` over the rounds; and
    ``times_packed``, how many times longer than the packed file a side takes, by the least of each
    and by the median of the rounds' ratios."""
    base = seconds[PACKED]
    others = {name: values for name, values in seconds.items() if name != PACKED}
    return {
        "rounds": len(base),
        "milliseconds": {
            name: {
                "least": round(1000 * min(values), 3),
                "median": round(1000 * statistics.median(values), 3),
            }
            for name, values in seconds.items()
        },
        "times_packed": {
            name: {
                "least": round(ratio_of_least(values, base), 2),
                "median": round(median_ratio(values, base), 2),
            }
            for name, values in others.items()
        },
    }
