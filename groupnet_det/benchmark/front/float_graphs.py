"""Trained full-precision networks as ONNX graphs, in float32 and in 8 bits."""

import contextlib
import io
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from groupnet_det.benchmark.engines.onnxruntime_engines import open_session, quantized
from groupnet_det.benchmark.engines.openvino_engines import inference, openvino_core
from groupnet_det.benchmark.measure.unavailable import require
from groupnet_det.exporting.onnx.graph_export import INPUT, export_onnx

from .graph_network import RunGraph


def trained_graph(model: nn.Module) -> bytes:
    """The graph of a full-precision network, its BN folded by ONNX Runtime's preparation.

    Args:
        model: In eval mode, on the CPU. The graph takes channels in the order of its training.

    Raises:
        MissingExtraError, EngineUnavailableError: A package is not installed.
    """
    prepare: Any = require("onnxruntime.quantization.shape_inference", "onnx")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source, target = Path(folder) / "float.onnx", Path(folder) / "folded.onnx"
        export_onnx(model).save(source)
        prepare.quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        return target.read_bytes()


def int8_graph(graph: bytes, images: Iterable[np.ndarray]) -> bytes:
    """A graph with 8 bits; see `quantized`.

    Args:
        graph: See `trained_graph`.
        images: Pixels, uint8 (1, H, W, 3), of training images that calibrate the scales of the
            activations.

    Raises:
        EngineUnavailableError: A package is not installed.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        return quantized(graph, ({INPUT: _channels_first(image)} for image in images))


def run_by_onnxruntime(graph: bytes, threads: int) -> RunGraph:
    """Open a graph by ONNX Runtime."""
    session = open_session(graph, threads)
    names = [output.name for output in session.get_outputs()]

    def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
        outputs = session.run(None, {INPUT: _channels_first(pixels)})
        return {n: _channels_last(values) for n, values in zip(names, outputs, strict=True)}

    return run


def run_by_openvino(graph: bytes, threads: int, *, floats: str = "") -> RunGraph:
    """Open a graph by OpenVINO, which compiles it for each size of image; pixels and maps change
    their layout in the compiled graph. `floats` as of `inference`."""

    @cache
    def compiled(shape: tuple[int, ...]) -> RunGraph:
        return _compile(graph, shape, threads, floats)

    return lambda pixels: compiled(pixels.shape)(pixels)


def _compile(graph: bytes, shape: tuple[int, ...], threads: int, floats: str) -> RunGraph:
    openvino: Any = require("openvino", "openvino.preprocess")
    model = openvino_core().read_model(graph)
    batch, height, width, channels = shape
    model.reshape([batch, channels, height, width])
    steps = require("openvino.preprocess").PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    steps.input().tensor().set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    names = [output.get_any_name() for output in model.outputs]
    for number, output in enumerate(model.outputs):
        if len(output.get_partial_shape()) == 4:
            steps.output(number).tensor().set_layout(openvino.Layout("NHWC"))
            steps.output(number).model().set_layout(openvino.Layout("NCHW"))
    place = np.empty(shape, np.uint8)
    infer = inference(steps.build(), [place], threads, floats=floats)

    def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
        np.copyto(place, pixels)
        outputs = infer()
        return {name: outputs[number] for number, name in enumerate(names)}

    return run


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)


def _channels_last(values: np.ndarray) -> np.ndarray:
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
