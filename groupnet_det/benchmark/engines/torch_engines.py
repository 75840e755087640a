"""PyTorch float32: plain convolutions and BN in channels-last layout, under ``inference_mode``."""

import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import SideAbsentError
from groupnet_det.benchmark.measure.workload import LayerWork, NetworkWork, Work
from groupnet_det.benchmark.workloads.classifiers import (
    EndToEnd,
    body_input,
    float_layers,
    float_network,
    layer_input,
    network_input,
)


def make_eager(work: Work, threads: int) -> Burst:
    """The model as it is; torch's threads are set for all sides of torch at once."""
    return _burst(*float_model(work), work)


def make_compiled(work: Work, threads: int) -> Burst:
    """``torch.compile`` with frozen weights, which folds BN into the convolutions.

    Raises:
        SideAbsentError: There is no C++ compiler, which it needs.
    """
    if not any(map(shutil.which, ("g++", "c++", "clang++"))):
        raise SideAbsentError("torch.compile needs a C++ compiler such as g++; install one")
    torch.compiler.reset()  # beyond eight models of one class it would fall back to eager mode
    model, argument = float_model(work)
    compiled: Any = torch.compile(model, options={"freezing": True})
    return _burst(compiled, argument, work)


def float_model(work: Work) -> tuple[nn.Module, Tensor]:
    """The float32 model of a work, and its input."""
    if isinstance(work, LayerWork):
        return float_layers(work), layer_input(work)
    network = float_network(work)
    if work.part == "body":
        stages = network.layer1, network.layer2, network.layer3, network.layer4
        return nn.Sequential(*stages), body_input(NetworkWork(size=work.size, batch=work.batch))
    return EndToEnd(network), network_input(work)


def _burst(model: Callable[[Tensor], object], argument: Tensor, work: Work) -> Burst:
    return burst_of(in_inference_mode(model, argument), parts=parts_of(work))


def in_inference_mode(model: Callable[..., object], argument: object) -> Callable[[], object]:
    """``model(argument)`` without gradients."""

    def run() -> object:
        with torch.inference_mode():
            return model(argument)

    return run


def parts_of(work: Work) -> int:
    """By which the time of a run is divided."""
    return work.length if isinstance(work, LayerWork) else 1
