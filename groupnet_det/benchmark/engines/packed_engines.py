"""Our packed engine, and the limit of the CPU that it is compared with."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.workload import LayerWorkload, NetworkWorkload, Workload
from groupnet_det.benchmark.workloads.packed_layers import (
    IMAGE_CHANNELS,
    LEADING_STEPS,
    layer_program,
)
from groupnet_det.benchmark.workloads.torch_networks import (
    GroupNetClassifier,
    best_class,
    binary_network,
    network_input,
)
from groupnet_det.errors import ExtensionError
from groupnet_det.exporting.packed.eight_bits.float_layers import FloatConvs
from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.packed.program import Program
from groupnet_det.packed.steps.conv import Conv
from groupnet_det.packed.steps.float_maps import Mean
from groupnet_det.runtime.backends.extension import load_extension, open_network

LIMIT_ITERATIONS = 2_000_000  # of the register-only loop: some milliseconds


def make_packed(workload: Workload, threads: int) -> Burst:
    """Layers and bodies by the engine's own clock of each step; networks from bytes to the most
    probable class, as a user calls them.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    if isinstance(workload, LayerWorkload):
        return _layer_burst(workload)
    if workload.part == "body":
        network, program = open_exported(workload)
        return _burst_of_steps(network, network_input(workload), _body_steps(program))
    return burst_of(make_run(workload))


def make_run(workload: NetworkWorkload) -> Callable[[], object]:
    """Make a function from bytes to the most probable class.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    network, _ = open_exported(workload)
    images = network_input(workload)
    return lambda: best_class(network.run(images)["logits"].flatten(1))


def make_steps(workload: Workload, threads: int) -> Burst:
    """All steps of a network by the engine's own clock.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    assert isinstance(workload, NetworkWorkload)
    network, program = open_exported(workload)
    return _burst_of_steps(network, network_input(workload), range(len(program.steps)))


def make_limit(workload: Workload, threads: int) -> Burst:
    """Time a layer as if all its multiply-accumulates ran on registers, by the instruction set's
    fastest way to count: paired full adders, or plain popcounts.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    assert isinstance(workload, LayerWorkload)
    load_extension()
    macs = workload.multiply_accumulates
    family = engine_isa().split("_")[0]  # such as avx512
    names = torch.ops.groupnet_det.available_isas()
    isas = [isa for isa in names if isa.split("_")[0] == family]

    def burst(runs: int) -> float:
        limit = torch.ops.groupnet_det.register_limit
        speeds = [limit(isa, LIMIT_ITERATIONS, threads) for isa in isas for _ in range(runs)]
        return macs / float(max(speeds))

    return burst


def open_exported(workload: NetworkWorkload) -> tuple[Any, Program]:
    """The engine's network of a workload, with its program.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        program = export_network(workload, path)
        return open_engine(path), program


def export_network(
    workload: NetworkWorkload,
    path: Path,
    network: GroupNetClassifier | None = None,
    float_convs: FloatConvs | None = None,
) -> Program:
    """Write the packed file of a workload's network.

    Args:
        network: `binary_network` of the workload by default.
        float_convs: As of `export_classifier`.
    """
    names = [f"class {number}" for number in range(workload.num_classes)]
    pixels = {
        "kind": "classification",
        "resize": workload.size,
        "crop": workload.size,
        "format": "RGB",
    }
    packed = export_classifier(
        network or binary_network(workload),
        class_names=names,
        info={"preprocessing": pixels},
        float_convs=float_convs,
    )
    write_packed(path, packed.program, packed.info, packed.tensors)
    return packed.program


def open_engine(path: Path) -> Any:
    """
    Raises:
        ExtensionError: The compiled engine is missing.
    """
    return open_network(path)


def _body_steps(program: Program) -> list[int]:
    """Numbers of the steps between the stem and the average over pixels."""
    end = next(i for i, step in enumerate(program.steps) if isinstance(step, Mean))
    return [i for i, step in enumerate(program.steps[:end]) if isinstance(step, Conv)]


def _burst_of_steps(
    network: Any, images: torch.Tensor, steps: Sequence[int], *, parts: int = 1
) -> Burst:
    """The burst of some steps together, divided by `parts`."""

    def burst(runs: int) -> float:
        seconds = network.time_steps(images, runs)[:, list(steps)]
        return float(seconds.sum(dim=1).min()) / parts

    return burst


def _layer_burst(workload: LayerWorkload) -> Burst:
    network, program = _layer_network(workload)
    shape = workload.batch, workload.height, workload.width, IMAGE_CHANNELS
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    steps = range(LEADING_STEPS, len(program.steps))
    return _burst_of_steps(network, images, steps, parts=workload.length)


def _layer_network(workload: LayerWorkload) -> tuple[Any, Program]:
    program, tensors = layer_program(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.gnp"
        write_packed(path, program, {}, tensors)
        return open_engine(path), program


def engine_isa() -> str:
    """The instruction set that the engine chose; ``unavailable`` where there is no engine."""
    workload = LayerWorkload(kind="alone", channels=8, height=1, width=1, length=1)
    try:
        return str(_layer_network(workload)[0].isa())
    except ExtensionError:
        return "unavailable"
