"""The full-precision baseline of a packed file with 8 bits, by OpenVINO."""

import copy
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groupnet_det.benchmark.front.float_graphs import int8_graph, run_by_openvino, trained_graph
from groupnet_det.benchmark.suites.float_baseline import FloatBaseline
from groupnet_det.errors import ConfigError

PACKAGES = ("openvino", "onnx", "onnxscript", "onnxruntime")


def is_installed() -> bool:
    """Whether all that it takes is installed."""
    return all(importlib.util.find_spec(package) for package in PACKAGES)


class Int8Baseline:
    """The graph of a baseline, quantized after training by ONNX Runtime and run by OpenVINO.

    Its weights are random: its times mean something, its outputs nothing. They end with the raw
    outputs: boxes and NMS of detectors are not computed.
    """

    def __init__(self, baseline: FloatBaseline) -> None:
        self._baseline = baseline
        self._graph = b""

    def run_on(self, pixels: Tensor, threads: int) -> Callable[[], Any]:
        """Compile it for the size of an image.

        Args:
            pixels: uint8 (1, H, W, 3).
            threads: Of OpenVINO.

        Raises:
            UserError: There is no ONNX export of this network, it is an R-CNN, or a package is not
                installed.
        """
        if self._baseline.choosers:
            raise ConfigError("R-CNNs are no single graph: their second stage would be missing")
        image = pixels.numpy()
        self._graph = self._graph or self._quantized(image)
        run = run_by_openvino(self._graph, threads)
        run(image)
        return lambda: run(image)

    def _quantized(self, image: np.ndarray) -> bytes:
        model = copy.deepcopy(self._baseline.model).to(memory_format=torch.contiguous_format)
        return int8_graph(trained_graph(model), [image])
