"""All sides by name, and which of them can be had here."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from groupnet_det.benchmark.measure.table import OURS
from groupnet_det.benchmark.measure.timing import Burst
from groupnet_det.benchmark.measure.unavailable import SideAbsentError
from groupnet_det.benchmark.measure.workload import BESIDE, AnyWork, LayerWork, ModelWork
from groupnet_det.errors import ExtensionError, lookup

from . import (
    complete_models,
    neighbour_engines,
    onnxruntime_engines,
    openvino_engines,
    packed_engines,
    simulation_engines,
    torch_engines,
)

# From a work and a number of threads to its burst; raises `SideAbsentError`.
MakeSide = Callable[[Any, int], Burst]

LIMIT = "limit of the CPU"
TORCH = "torch eager"
SIMULATION = "simulation, signed weights"
ONNXRUNTIME_INT8 = "onnxruntime int8"
OPENVINO_INT8 = "openvino int8"
OPENVINO_BINARY = "openvino binary"
STEPS = "ours, steps alone"
AFTER_TORCH = "ours, after a torch operation"
BESIDE_TORCH = "ours, beside a torch thread"

_COMMON: dict[str, MakeSide] = {
    OURS: packed_engines.make_packed,
    TORCH: torch_engines.make_eager,
    "torch.compile": torch_engines.make_compiled,
    SIMULATION: simulation_engines.make_signed,
    "simulation, integers": simulation_engines.make_integers,
    "onnxruntime float32": onnxruntime_engines.make_float,
    ONNXRUNTIME_INT8: onnxruntime_engines.make_int8,
    OPENVINO_INT8: openvino_engines.make_int8,
}
NETWORK_SIDES: dict[str, MakeSide] = {**_COMMON, STEPS: packed_engines.make_steps}
BODY_SIDES = _COMMON
NEIGHBOUR_SIDES: dict[str, MakeSide] = {
    OURS: neighbour_engines.make_alone,
    AFTER_TORCH: neighbour_engines.make_after,
    BESIDE_TORCH: neighbour_engines.make_beside,
}
LAYER_SIDES: dict[str, MakeSide] = {
    **_COMMON,
    OPENVINO_BINARY: openvino_engines.make_binary,
    LIMIT: packed_engines.make_limit,
}
# Of a `NetworkWork`, by its part.
PARTS: dict[str, Mapping[str, MakeSide]] = {
    "network": NETWORK_SIDES,
    "body": BODY_SIDES,
    BESIDE: NEIGHBOUR_SIDES,
}
MODEL_SIDES: dict[str, MakeSide] = {
    OURS: complete_models.make_packed,
    STEPS: complete_models.make_steps,
    TORCH: complete_models.make_eager,
    "simulation, integers": complete_models.make_simulation,
    ONNXRUNTIME_INT8: complete_models.make_onnxruntime_int8,
    OPENVINO_INT8: complete_models.make_openvino_int8,
}
SIDE_NAMES = list({**NETWORK_SIDES, **LAYER_SIDES, **NEIGHBOUR_SIDES})

RANDOM_CALIBRATION = "calibrated with random data: for its speed, not its accuracy"
NOTES = {
    ONNXRUNTIME_INT8: RANDOM_CALIBRATION,
    OPENVINO_INT8: RANDOM_CALIBRATION,
    STEPS: "without Python, pre- and post-processing; its x is the share of ours",
    AFTER_TORCH: "the operation, a 3x3 convolution 64@56x56, is not in it",
    BESIDE_TORCH: "another thread runs 3x3 convolutions 64@56x56 all the time",
    LIMIT: "the fastest popcount on registers; its x is the share that ours reaches",
}


def sides_of(work: AnyWork) -> Mapping[str, MakeSide]:
    """The sides that can do a work, here or elsewhere."""
    if isinstance(work, ModelWork):
        return MODEL_SIDES
    if isinstance(work, LayerWork):
        return LAYER_SIDES
    return PARTS[work.part]


def choose_sides(work: AnyWork, names: Iterable[str] = ()) -> dict[str, MakeSide]:
    """Those called `names` that can do the work; all where there is no name.

    Raises:
        ConfigError: An unknown name; the message lists the valid ones.
    """
    chosen = list(names)
    for name in chosen:
        lookup(dict.fromkeys(SIDE_NAMES), name, "--sides")
    return {n: make for n, make in sides_of(work).items() if not chosen or n in chosen}


def prepare(
    makers: Mapping[str, MakeSide], work: AnyWork, threads: int
) -> tuple[dict[str, Burst], dict[str, str]]:
    """Bursts by side, and for those that are missing the reason."""
    bursts, absent = {}, {}
    for name, make in makers.items():
        try:
            bursts[name] = make(work, threads)
        except (SideAbsentError, ExtensionError) as error:
            absent[name] = str(error)
    return bursts, absent
