"""PyTorch float32: plain convolutions and BN in channels-last layout, under ``inference_mode``."""

import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import EngineUnavailableError
from groupnet_det.benchmark.measure.workload import LayerWorkload, NetworkWorkload, Workload
from groupnet_det.benchmark.workloads.torch_networks import (
    EndToEnd,
    body_input,
    float_layers,
    float_network,
    layer_input,
    network_input,
)


def make_eager(workload: Workload, threads: int) -> Burst:
    """The model as it is; the number of torch's threads is a setting of the process."""
    return _burst(*float_model(workload), workload)


def make_compiled(workload: Workload, threads: int) -> Burst:
    """``torch.compile`` with frozen weights, which folds BN into the convolutions.

    Raises:
        EngineUnavailableError: There is no C++ compiler, which it needs.
    """
    if not any(map(shutil.which, ("g++", "c++", "clang++"))):
        raise EngineUnavailableError("torch.compile needs a C++ compiler such as g++; install one")
    torch.compiler.reset()  # beyond eight models of one class it would fall back to eager mode
    model, argument = float_model(workload)
    compiled: Any = torch.compile(model, options={"freezing": True})
    return _burst(compiled, argument, workload)


def float_model(workload: Workload) -> tuple[nn.Module, Tensor]:
    """The float32 model of a workload, and its input."""
    if isinstance(workload, LayerWorkload):
        return float_layers(workload), layer_input(workload)
    network = float_network(workload)
    if workload.part == "body":
        stages = network.layer1, network.layer2, network.layer3, network.layer4
        return nn.Sequential(*stages), body_input(
            NetworkWorkload(size=workload.size, batch=workload.batch)
        )
    return EndToEnd(network), network_input(workload)


def _burst(model: Callable[[Tensor], object], argument: Tensor, workload: Workload) -> Burst:
    return burst_of(in_inference_mode(model, argument), parts=parts_of(workload))


def in_inference_mode(model: Callable[..., object], argument: object) -> Callable[[], object]:
    """``model(argument)`` without gradients."""

    def run() -> object:
        with torch.inference_mode():
            return model(argument)

    return run


def parts_of(workload: Workload) -> int:
    """The number of layers in a run, by which its time is divided."""
    return workload.length if isinstance(workload, LayerWorkload) else 1
