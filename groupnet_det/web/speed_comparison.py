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

SCHEDULE = Schedule(rounds=5, burst_seconds=0.05)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The result of a measurement.

    Attributes:
        packed_seconds: Time from prepared pixels to the prediction, median of the rounds.
        float_seconds: The same of the float32 baseline; missing where there is none.
        ratio: How many times longer the baseline takes, median of the rounds' ratios.
        absence: The reason why there is no baseline.
        packed_bytes: Size of the file in bytes.
        float_bytes: Bytes of the baseline's weights, if the file says so.
        seen: Height and width of what the network saw.
        machine: Processor, threads and instruction set.
    """

    packed_seconds: float
    float_seconds: float | None = None
    ratio: float | None = None
    absence: str = ""
    packed_bytes: int
    float_bytes: int | None = None
    seen: tuple[int, int]
    machine: str


def compare(model: WebModel, image: AnyImage) -> Comparison:
    """Time a model and its baseline in turns, as ``groupnet-det benchmark packed`` does.

    Raises:
        DataError: The image cannot be used.
        RuntimeError: This is not the main thread.
    """
    predictor, absence = model.predictor, ""
    pixels, wanted = predictor.prepare(image)
    try:
        runs = runs_of(predictor, model.baseline, pixels, wanted)
    except UserError as error:
        absence = str(error)
        runs = {PACKED_NETWORK: lambda: predictor.predict_pixels(pixels, wanted)}
    seconds = time_in_turns(runs, SCHEDULE)
    full = seconds.get(FLOAT)
    sizes = predictor.info.get("sizes") or {}
    return Comparison(
        packed_seconds=statistics.median(seconds[PACKED_NETWORK]),
        float_seconds=statistics.median(full) if full else None,
        ratio=median_ratio(full, seconds[PACKED_NETWORK]) if full else None,
        absence=absence,
        packed_bytes=model.path.stat().st_size,
        float_bytes=sizes.get("float32_twin"),
        seen=(pixels.shape[1], pixels.shape[2]),
        machine=_describe_machine(predictor.network),
    )


def _describe_machine(network: Any) -> str:
    """Such as ``AMD EPYC 9B14, 2 cores; 2 threads; avx512_plain``."""
    threads = torch.get_num_threads()
    return f"{processor()}; threads: {threads}; {network.engine.isa()}"
