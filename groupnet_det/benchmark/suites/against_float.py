"""A packed network beside the same one in full precision: the one measurement of it, which the web
page, the report and ``groupnet-det benchmark packed`` share."""

import statistics
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groupnet_det.benchmark.measure.timing import (
    Schedule,
    alternate,
    burst_of,
    median_ratio,
    ratio_of_least,
)
from groupnet_det.runtime.predictor import PackedPredictor

from .float_baseline import FloatBaseline

PACKED_NETWORK, FLOAT = "packed", "float"
LONG_SECONDS = 0.15
# Just below the most to which glibc adapts how large a block it keeps after it is freed, 32 MiB.
LARGE_BYTES = 31 << 20
Runs = Mapping[str, Callable[[], object]]


def runs_of(
    predictor: PackedPredictor, baseline: FloatBaseline, pixels: Tensor, wanted: tuple[int, int]
) -> dict[str, Callable[[], object]]:
    """A run of each on an image, in which both find as many objects.

    Args:
        pixels, wanted: The results of `PackedPredictor.prepare`.
    """
    baseline.match_result(pixels, wanted, predictor.predict_pixels(pixels, wanted))
    return {
        PACKED_NETWORK: lambda: predictor.predict_pixels(pixels, wanted),
        FLOAT: lambda: baseline(pixels, wanted),
    }


def time_in_turns(runs: Runs, schedule: Schedule) -> dict[str, list[float]]:
    """Seconds of each run, one value a round; see `alternate`.

    Memory that the process freed before does not change the ratio of two runs: it is settled first.
    With one thread, page and command gave equal ratios; with two threads this was not shown.

    Args:
        runs: Functions to time by name, without gradients; long ones (`LONG_SECONDS`) run twice a
            round.
        schedule: How long is measured, and how many rounds.

    Raises:
        RuntimeError: This is not the main thread of its process, the only one whose memory
            `_keep_freed_memory` settles.
    """
    if not _in_main_thread():
        raise RuntimeError("times are taken in the main thread alone")
    _keep_freed_memory()
    with torch.inference_mode():
        bursts = {name: burst_of(run) for name, run in runs.items()}
        return alternate(bursts, replace(schedule, long_seconds=LONG_SECONDS))


def _keep_freed_memory() -> None:
    """Have glibc keep the memory of PyTorch's maps from run to run.

    How much it keeps adapts to the largest block that a process has freed so far. Without this, a
    run of a ResNet-18 at 224 x 224 pixels had 90 to 950 page faults, by what else the process had
    done before; with it there are fewer than 15.
    """
    torch.empty(LARGE_BYTES, dtype=torch.uint8)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def speed_summary(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """``milliseconds`` of each network, ``least`` and ``median`` over the rounds; and
    ``times_packed``, how many times longer than the packed file a network takes, by the least of
    each and by the median of the rounds' ratios."""
    base = seconds[PACKED_NETWORK]
    others = {name: values for name, values in seconds.items() if name != PACKED_NETWORK}
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
