"""The time of a packed model beside its full-precision twin, on one picture and this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from groupnet_det.benchmark.facts import processor
from groupnet_det.benchmark.timing import Schedule, alternate, alternate_single_runs, burst_of
from groupnet_det.errors import UserError
from groupnet_det.runtime.image_reading import AnyImage

from .models import WebModel

PACKED, FLOAT = "packed", "float32"
# What answers sooner than this, in seconds, is timed in bursts; else once a round.
SHORT = 0.15
SCHEDULE = Schedule(rounds=5, burst_seconds=0.05)
ROUNDS_OF_LONG = 3


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured.

    Attributes:
        packed_seconds: The least time from prepared pixels to the answer.
        float_seconds: The same of the float32 twin; absent where there is none.
        absence: Why there is none.
        packed_bytes: Of the file.
        float_bytes: Of the twin's weights, if the file says so.
        seen: Height and width of what the network saw.
        machine: Processor, threads and instruction set.
    """

    packed_seconds: float
    float_seconds: float | None = None
    absence: str = ""
    packed_bytes: int
    float_bytes: int | None = None
    seen: tuple[int, int]
    machine: str

    @property
    def ratio(self) -> float | None:
        """How many times longer the twin takes."""
        return None if self.float_seconds is None else self.float_seconds / self.packed_seconds


def compare(model: WebModel, image: AnyImage) -> Comparison:
    """Time a model and its twin in turns.

    Raises:
        DataError: The image cannot be used.
    """
    pixels, wanted = model.predictor.prepare(image)
    sides: dict[str, Callable[[], object]] = {
        PACKED: lambda: model.predictor.predict_pixels(pixels, wanted)
    }
    absence = ""
    try:
        twin = model.twin
    except UserError as error:
        absence = str(error)
    else:
        twin.match_answer(pixels, wanted, model.predictor.predict_pixels(pixels, wanted))
        sides[FLOAT] = lambda: twin(pixels, wanted)
    seconds = least_times(sides)
    sizes = model.predictor.info.get("sizes") or {}
    return Comparison(
        packed_seconds=seconds[PACKED],
        float_seconds=seconds.get(FLOAT),
        absence=absence,
        packed_bytes=model.path.stat().st_size,
        float_bytes=sizes.get("float32_twin"),
        seen=(pixels.shape[1], pixels.shape[2]),
        machine=describe_machine(model.predictor.network),
    )


def least_times(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each side; they take turns."""
    bursts = {name: burst_of(run) for name, run in sides.items()}
    first = [burst(1) for burst in bursts.values()]  # which warms up too
    if max(first) < SHORT:
        seconds = alternate(bursts, SCHEDULE)
    else:
        seconds = alternate_single_runs(sides, ROUNDS_OF_LONG)
    return {name: min(times) for name, times in seconds.items()}


def describe_machine(network: Any) -> str:
    """Such as ``AMD EPYC 9B14, 2 cores; 2 threads; avx512_plain``."""
    threads = torch.get_num_threads()
    return f"{processor()}; threads: {threads}; {network.engine.isa()}"
