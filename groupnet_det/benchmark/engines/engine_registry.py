"""All engines by name, and which of them are available."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from groupnet_det.benchmark.measure.table import OURS
from groupnet_det.benchmark.measure.timing import Burst
from groupnet_det.benchmark.measure.unavailable import EngineUnavailableError
from groupnet_det.benchmark.measure.workload import (
    BESIDE,
    DOWNSAMPLING,
    AnyWorkload,
    LayerWorkload,
    ModelWorkload,
)
from groupnet_det.errors import ExtensionError, lookup

from . import (
    beside_torch_engines,
    complete_models,
    downsampling_engines,
    onnxruntime_engines,
    openvino_engines,
    packed_engines,
    simulation_engines,
    torch_engines,
)

# From a workload and a number of threads to its burst; raises `EngineUnavailableError`.
MakeEngine = Callable[[Any, int], Burst]

LIMIT = "limit of the CPU"
TORCH = "torch eager"
SIGNED_SIMULATION = "simulation, signed weights"
ONNXRUNTIME_INT8 = "onnxruntime int8"
OPENVINO_INT8 = "openvino int8"
OPENVINO_BINARY = "openvino binary"
STEPS = "ours, steps alone"
AFTER_TORCH = "ours, after a torch operation"
BESIDE_TORCH = "ours, beside a torch thread"
FLOAT_DOWNSAMPLING = "ours, float32 downsampling"
INT8_DOWNSAMPLING = "ours, int8 downsampling"

_COMMON: dict[str, MakeEngine] = {
    OURS: packed_engines.make_packed,
    TORCH: torch_engines.make_eager,
    "torch.compile": torch_engines.make_compiled,
    SIGNED_SIMULATION: simulation_engines.make_signed,
    "simulation, integers": simulation_engines.make_integers,
    "onnxruntime float32": onnxruntime_engines.make_float,
    ONNXRUNTIME_INT8: onnxruntime_engines.make_int8,
    OPENVINO_INT8: openvino_engines.make_openvino_int8,
}
NETWORK_ENGINES: dict[str, MakeEngine] = {**_COMMON, STEPS: packed_engines.make_steps}
BODY_ENGINES = _COMMON
NEIGHBOUR_ENGINES: dict[str, MakeEngine] = {
    OURS: beside_torch_engines.make_alone,
    AFTER_TORCH: beside_torch_engines.make_after,
    BESIDE_TORCH: beside_torch_engines.make_beside,
}
DOWNSAMPLING_ENGINES: dict[str, MakeEngine] = {
    OURS: downsampling_engines.make_downsampling("binary"),
    FLOAT_DOWNSAMPLING: downsampling_engines.make_downsampling("float32"),
    INT8_DOWNSAMPLING: downsampling_engines.make_downsampling("int8"),
}
LAYER_ENGINES: dict[str, MakeEngine] = {
    **_COMMON,
    OPENVINO_BINARY: openvino_engines.make_binary,
    LIMIT: packed_engines.make_limit,
}
# Engines of a `NetworkWorkload` by its part.
PARTS: dict[str, Mapping[str, MakeEngine]] = {
    "network": NETWORK_ENGINES,
    "body": BODY_ENGINES,
    BESIDE: NEIGHBOUR_ENGINES,
    DOWNSAMPLING: DOWNSAMPLING_ENGINES,
}
MODEL_ENGINES: dict[str, MakeEngine] = {
    OURS: complete_models.make_complete_packed,
    STEPS: complete_models.make_complete_steps,
    TORCH: complete_models.make_complete_eager,
    "simulation, integers": complete_models.make_simulation,
    ONNXRUNTIME_INT8: complete_models.make_onnxruntime_int8,
    OPENVINO_INT8: complete_models.make_complete_int8,
}
ENGINE_NAMES = list(
    {**NETWORK_ENGINES, **LAYER_ENGINES, **NEIGHBOUR_ENGINES, **DOWNSAMPLING_ENGINES}
)

RANDOM_CALIBRATION = "calibrated with random data: for its speed, not its accuracy"
NOTES = {
    ONNXRUNTIME_INT8: RANDOM_CALIBRATION,
    OPENVINO_INT8: RANDOM_CALIBRATION,
    STEPS: "without Python, pre- and post-processing; its x is the share of ours",
    AFTER_TORCH: "the operation, a 3x3 convolution 64@56x56, is not in it",
    BESIDE_TORCH: "another thread runs 3x3 convolutions 64@56x56 all the time",
    INT8_DOWNSAMPLING: RANDOM_CALIBRATION,
    LIMIT: "the fastest popcount on registers; its x is the share that ours reaches",
}


def _engines_of(workload: AnyWorkload) -> Mapping[str, MakeEngine]:
    """The engines that can do a workload, here or elsewhere."""
    if isinstance(workload, ModelWorkload):
        return MODEL_ENGINES
    if isinstance(workload, LayerWorkload):
        return LAYER_ENGINES
    return PARTS[workload.part]


def choose_engines(workload: AnyWorkload, names: Iterable[str] = ()) -> dict[str, MakeEngine]:
    """Choose the engines called `names` that can do the workload; all without names.

    Raises:
        ConfigError: An unknown name; the message lists the valid ones.
    """
    chosen = list(names)
    for name in chosen:
        lookup(dict.fromkeys(ENGINE_NAMES), name, "--engines")
    return {n: make for n, make in _engines_of(workload).items() if not chosen or n in chosen}


def prepare(
    makers: Mapping[str, MakeEngine], workload: AnyWorkload, threads: int
) -> tuple[dict[str, Burst], dict[str, str]]:
    """Bursts by engine, and the reason for each that is unavailable."""
    bursts, unavailable = {}, {}
    for name, make in makers.items():
        try:
            bursts[name] = make(workload, threads)
        except (EngineUnavailableError, ExtensionError) as error:
            unavailable[name] = str(error)
    return bursts, unavailable
