"""ONNX Runtime, float32 and 8 bits."""

import logging
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import require
from groupnet_det.benchmark.measure.workload import LayerWorkload, NetworkWorkload, Workload
from groupnet_det.benchmark.workloads.onnx_graphs import GRAPH_INPUT, QUANTIZED_OPS, float_graph
from groupnet_det.benchmark.workloads.torch_networks import body_input, layer_input, network_input

from .torch_engines import parts_of

CALIBRATION_IMAGES = 2
Feed = Mapping[str, np.ndarray]  # the inputs of a graph by name


def make_float(workload: Workload, threads: int) -> Burst:
    """
    Raises:
        EngineUnavailableError: ``onnxruntime`` or ``onnx`` is not installed.
    """
    require("onnxruntime")
    return _burst(float_graph(workload).SerializeToString(), workload, threads)


def make_int8(workload: Workload, threads: int) -> Burst:
    """Quantized statically, QDQ, unsigned activations, weights signed and by channel.

    Raises:
        EngineUnavailableError: ``onnxruntime`` or ``onnx`` is not installed.
    """
    return _burst(int8_model(workload), workload, threads)


def int8_model(workload: Workload) -> bytes:
    """The quantized graph of a workload, calibrated with random data: for its speed, not its
    accuracy.

    Raises:
        EngineUnavailableError: ``onnxruntime`` or ``onnx`` is not installed.
    """
    require("onnxruntime.quantization", "onnx")
    logging.getLogger().addFilter(_without_advice)
    feed = {GRAPH_INPUT: np.ascontiguousarray(graph_input(workload).numpy())}
    return quantized(float_graph(workload).SerializeToString(), [feed] * CALIBRATION_IMAGES)


def quantized(graph: bytes, calibration: Iterable[Feed]) -> bytes:
    """A graph quantized after training: statically, QDQ, activations of unsigned and weights of
    signed 8 bits, a scale for each channel of these.

    Args:
        graph: With floats.
        calibration: Inputs by name, on which the scales of the activations are found.

    Raises:
        EngineUnavailableError: A package is not installed.
    """
    quantization: Any = require("onnxruntime.quantization", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(graph)
        quantization.quantize_static(
            str(source),
            str(target),
            _Calibration(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=QUANTIZED_OPS,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        return target.read_bytes()


def open_session(graph: bytes, threads: int) -> Any:
    """An ``InferenceSession`` on the CPU.

    Raises:
        EngineUnavailableError: ``onnxruntime`` is not installed.
    """
    runtime: Any = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def graph_input(workload: Workload) -> Tensor:
    """Input of the graphs of `onnx_graphs`."""
    if isinstance(workload, LayerWorkload):
        return layer_input(workload)
    if workload.part == "body":
        return body_input(NetworkWorkload(size=workload.size, batch=workload.batch))
    return network_input(workload)


class _Calibration:
    """The protocol of ``onnxruntime.quantization.CalibrationDataReader``."""

    def __init__(self, inputs: Iterable[Feed]) -> None:
        self.left = iter(inputs)

    def get_next(self) -> Feed | None:
        return next(self.left, None)


def _without_advice(record: logging.LogRecord) -> bool:
    """Not the hint to run a tool that infers shapes, which these graphs do not need."""
    return "pre-processing before quantization" not in record.getMessage()


def _burst(model: bytes, workload: Workload, threads: int) -> Burst:
    session = open_session(model, threads)
    feed = {GRAPH_INPUT: np.ascontiguousarray(graph_input(workload).numpy())}
    if isinstance(workload, NetworkWorkload) and workload.part == "network":
        return burst_of(lambda: session.run(None, feed)[0].argmax(axis=1))
    return burst_of(lambda: session.run(None, feed), parts=parts_of(workload))
