"""Time of each stage of a packed detector or segmenter, from an image to its result."""

import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groupnet_det.benchmark.engines.complete_models import make_full_predictor
from groupnet_det.benchmark.measure.table import Row
from groupnet_det.benchmark.measure.workload import ModelWorkload
from groupnet_det.benchmark.workloads.detectors import image_of
from groupnet_det.packed.program import Program
from groupnet_det.runtime.backends.networks import NativeNetwork
from groupnet_det.runtime.predictor import PackedPredictor

STAGE = "stage"
WHOLE = "whole"
OTHER = "other steps"
# The name of a step -> its stage; the first that fits.
STEPS = (
    (re.compile(r"stem$"), "stem"),
    (re.compile(r"res\d"), "stages"),
    (re.compile(r".*tower\."), "towers"),
    (
        re.compile(r".*\.(cls_score|bbox_pred|ctrness|objectness_logits|anchor_deltas|predictor)"),
        "predictors",
    ),
    (re.compile(r"backbone\.|top_block|fpn_"), "FPN"),
    (re.compile(r"sem_seg_head\.|context"), "segmentation head"),
    (re.compile(r"upsampling"), "upsampling"),
)
# What else the network does for a prediction.
CALLS = {
    "roi_align": "region pooling",
    "run_part": "region heads",
    "above_threshold": "search for candidates",
    "nms": "NMS",
    "label_map": "label map",
}
PREPARATION, OUTPUTS, REST = "pre-processing", "outputs handed out", "rest of post-processing"
LEAST_RUNS = 5


class TimedNetwork:
    """A network with a clock on all that it does.

    Attributes:
        seconds: Time by stage; under `WHOLE`, the time of a run of the network itself.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.seconds: dict[str, float] = {}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = self._timed(WHOLE, self.network)(images)
        return outputs

    def __getattr__(self, name: str) -> Any:
        return self._timed(CALLS[name], getattr(self.network, name))

    def _timed(self, stage: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = run(*arguments)
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
            return result

        return timed


def measure_stages(workload: ModelWorkload, threads: int, rounds: int) -> list[Row]:
    """A row for each stage and one for the whole, ``x`` being the share of the whole.

    The steps of the engine are timed by its own clock, with all threads waiting for each other
    after each, which they do not do otherwise; what the network is given and gives back, and all
    that is done in Python, by the clock of the process.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    torch.set_num_threads(threads)
    predictor = make_full_predictor(workload)
    times = [
        each for _ in range(rounds) for each in time_runs(predictor, image_of(workload), LEAST_RUNS)
    ]
    names = list(dict.fromkeys(name for each in times for name in each))
    seconds = {name: [each.get(name, 0.0) for each in times] for name in names}
    return stage_rows(workload, threads, seconds)


def time_runs(predictor: PackedPredictor, image: Any, runs: int) -> list[dict[str, float]]:
    """Seconds of each stage, in each run."""
    network = predictor.network
    assert isinstance(network, NativeNetwork)
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        pixels, size = predictor.preprocessing(image)
        prepared = time.perf_counter()
        steps = network.engine.time_steps(pixels, 1)[0].tolist()
        clock = TimedNetwork(network)
        predictor.network = clock
        try:
            begin = time.perf_counter()
            predictor.predict_pixels(pixels, tuple(size))
            total = time.perf_counter() - begin
        finally:
            predictor.network = network
        found.append(
            stages_of(
                prepared - start, by_stage(predictor.program, steps), dict(clock.seconds), total
            )
        )
    return found


def by_stage(program: Program, seconds: Sequence[float]) -> dict[str, float]:
    """Seconds of the steps of a program, summed up."""
    total: dict[str, float] = {}
    for step, value in zip(program.steps, seconds, strict=True):
        stage = next((name for pattern, name in STEPS if pattern.match(step.name)), OTHER)
        total[stage] = total.get(stage, 0.0) + value
    return total


def stages_of(
    preparation: float, steps: Mapping[str, float], calls: Mapping[str, float], total: float
) -> dict[str, float]:
    """All stages of a run, in the order in which they come.

    Args:
        preparation: Seconds of the pre-processing.
        steps: Time of the engine's steps.
        calls: See `TimedNetwork.seconds`.
        total: Time from prepared pixels to the result.
    """
    network = calls[WHOLE]
    others = {stage: value for stage, value in calls.items() if stage != WHOLE}
    return {
        PREPARATION: preparation,
        **steps,
        OUTPUTS: max(0.0, network - sum(steps.values())),
        **others,
        REST: total - network - sum(others.values()),
        WHOLE: preparation + total,
    }


def stage_rows(
    workload: ModelWorkload, threads: int, seconds: Mapping[str, Sequence[float]]
) -> list[Row]:
    """The rows, of which that with the longest stage says so in its note."""
    whole_least, whole_median = _figures(seconds[WHOLE])
    rows = []
    for stage, values in seconds.items():
        least, median = _figures(values)
        rows.append(
            Row(
                what=STAGE,
                workload=workload.label,
                num_bases=workload.num_bases,
                batch=workload.batch,
                threads=threads,
                engine=stage,
                least=round(1000 * least, 4),
                median=round(1000 * median, 4),
                x_least=round(least / whole_least, 3),
                x_median=round(median / whole_median, 3),
            )
        )
    longest = max((row for row in rows if row.engine != WHOLE), key=lambda row: row.median or 0.0)
    return [replace(row, note="the bottleneck") if row is longest else row for row in rows]


def _figures(values: Sequence[float]) -> tuple[float, float]:
    return min(values), statistics.median(values)
