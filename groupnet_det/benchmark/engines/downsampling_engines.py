"""Our engine on networks whose downsampling convolutions are binary, float32 or int8."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.workload import NetworkWorkload
from groupnet_det.benchmark.workloads.torch_networks import (
    GroupNetClassifier,
    best_class,
    binary_network,
    network_input,
)
from groupnet_det.exporting.packed.eight_bits.calibration import calibrate_convs
from groupnet_det.exporting.packed.eight_bits.float_layers import (
    Float32Convs,
    FloatConvs,
    Int8Convs,
)

from .packed_engines import export_network, open_engine


def _int8(network: GroupNetClassifier, workload: NetworkWorkload) -> FloatConvs:
    """Calibrated with random data: for the speed, it makes no difference."""
    images: Any = torch.randn(1, 3, workload.size, workload.size)
    return Int8Convs(calibrate_convs(network, [images]))


# Kind -> how the network is trained, and how its convolutions in full precision are computed.
KINDS: dict[str, tuple[str, Callable[[GroupNetClassifier, NetworkWorkload], FloatConvs | None]]] = {
    "binary": ("binary", lambda *_: None),
    "float32": ("float", lambda *_: Float32Convs()),
    "int8": ("float", _int8),
}


def make_downsampling(kind: str) -> Callable[[NetworkWorkload, int], Burst]:
    """From bytes to the most probable class, with a kind of `KINDS`.

    The engine that it makes raises `ExtensionError` where the compiled engine is missing.
    """
    return partial(_make, kind)


def _make(kind: str, workload: NetworkWorkload, threads: int) -> Burst:
    trained, float_convs = KINDS[kind]
    network = binary_network(workload, downsample=trained)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        export_network(workload, path, network, float_convs(network, workload))
        engine = open_engine(path)
    images = network_input(workload)
    return burst_of(lambda: best_class(engine.run(images)["logits"].flatten(1)))
