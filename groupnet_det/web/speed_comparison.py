"""Time of a packed model beside its full-precision baseline, on one image and this machine."""

import statistics
from dataclasses import dataclass
from typing import Any

import torch

from groupnet_det.benchmark.measure.timing import Schedule, median_ratio
from groupnet_det.benchmark.suites.against_float import (
    FLOAT,
    PACKED_NETWORK,
    runs_of,
    time_in_turns,
)
from groupnet_det.errors import UserError
from groupnet_det.images.reading import AnyImage
from groupnet_det.machine import processor

from .offered_models import WebModel

INT8 = "int8"
SCHEDULE = Schedule(rounds=5, burst_seconds=0.05)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The result of a measurement.

    Attributes:
        packed_seconds: Time from prepared pixels to the prediction, median of the rounds.
        float_seconds: The same of the float32 baseline; missing where there is none.
        ratio: How many times longer the baseline takes, median of the rounds' ratios.
        absence: The reason why there is no baseline.
        int8_seconds, int8_ratio, int8_absence: The same of the baseline with 8 bits, if it was
            asked for.
        packed_bytes: Size of the file in bytes.
        float_bytes: Bytes of the baseline's weights, if the file says so.
        seen: Height and width of what the network saw.
        machine: Processor, threads and instruction set.
    """

    packed_seconds: float
    float_seconds: float | None = None
    ratio: float | None = None
    absence: str = ""
    int8_seconds: float | None = None
    int8_ratio: float | None = None
    int8_absence: str = ""
    packed_bytes: int
    float_bytes: int | None = None
    seen: tuple[int, int]
    machine: str


def compare(model: WebModel, image: AnyImage, *, int8: bool = False) -> Comparison:
    """Time a model and its baseline in turns, as ``groupnet-det benchmark packed`` does.

    Args:
        model: The packed model.
        image: An image of any kind that predictors take.
        int8: Whether to time the baseline with 8 bits, too.

    Raises:
        DataError: The image cannot be used.
        RuntimeError: This is not the main thread.
    """
    predictor, absences = model.predictor, {FLOAT: "", INT8: ""}
    pixels, wanted = predictor.prepare(image)
    try:
        runs = runs_of(predictor, model.baseline, pixels, wanted)
    except UserError as error:
        absences[FLOAT] = str(error)
        runs = {PACKED_NETWORK: lambda: predictor.predict_pixels(pixels, wanted)}
    if int8 and FLOAT in runs:
        try:
            runs[INT8] = model.int8.run_on(pixels, torch.get_num_threads())
        except UserError as error:
            absences[INT8] = str(error)
    seconds = time_in_turns(runs, SCHEDULE)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {name: median_ratio(v, seconds[PACKED_NETWORK]) for name, v in seconds.items()}
    sizes = predictor.info.get("sizes") or {}
    return Comparison(
        packed_seconds=medians[PACKED_NETWORK],
        float_seconds=medians.get(FLOAT),
        ratio=ratios.get(FLOAT),
        absence=absences[FLOAT],
        int8_seconds=medians.get(INT8),
        int8_ratio=ratios.get(INT8),
        int8_absence=absences[INT8],
        packed_bytes=model.path.stat().st_size,
        float_bytes=sizes.get("float32_twin"),
        seen=(pixels.shape[1], pixels.shape[2]),
        machine=_describe_machine(predictor.network),
    )


def _describe_machine(network: Any) -> str:
    """Such as ``AMD EPYC 9B14, 2 cores; 2 threads; avx512_plain``."""
    threads = torch.get_num_threads()
    return f"{processor()}; threads: {threads}; {network.engine.isa()}"
