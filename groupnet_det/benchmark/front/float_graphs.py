"""Trained full-precision classifiers as ONNX graphs, in float32 and in 8 bits."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groupnet_det.benchmark.engines.onnxruntime_engines import open_session, quantized
from groupnet_det.benchmark.engines.openvino_engines import inference, openvino_core
from groupnet_det.benchmark.measure.unavailable import require
from groupnet_det.exporting.onnx.graph_export import INPUT, export_onnx

# From an image, float32 (1, 3, H, W) with values 0 to 255, to the logits (1, classes).
RunGraph = Callable[[np.ndarray], np.ndarray]


def trained_graph(model: nn.Module, *, image_format: str) -> bytes:
    """The graph of a full-precision network, its BN folded by ONNX Runtime's preparation.

    Args:
        model: In eval mode, on the CPU.
        image_format: ``INPUT.FORMAT``.

    Raises:
        MissingExtraError, EngineUnavailableError: A package is not installed.
    """
    prepare: Any = require("onnxruntime.quantization.shape_inference", "onnx")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source, target = Path(folder) / "float.onnx", Path(folder) / "folded.onnx"
        export_onnx(model, image_format=image_format).save(source)
        prepare.quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        return target.read_bytes()


def int8_graph(graph: bytes, images: Iterable[np.ndarray]) -> bytes:
    """A graph with 8 bits; see `quantized`.

    Args:
        graph: See `trained_graph`.
        images: Training images that calibrate the scales of the activations.

    Raises:
        EngineUnavailableError: A package is not installed.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        return quantized(graph, ({INPUT: image} for image in images))


def run_by_onnxruntime(graph: bytes, image: np.ndarray, threads: int) -> RunGraph:
    """Open a graph for images of the size of `image`."""
    session = open_session(graph, threads)
    return lambda pixels: session.run(None, {INPUT: pixels})[0]


def run_by_openvino(graph: bytes, image: np.ndarray, threads: int, *, floats: str = "") -> RunGraph:
    """Open a graph for images of the size of `image`, for which alone it is compiled; `floats` as
    of `inference`."""
    model = openvino_core().read_model(graph)
    model.reshape(list(image.shape))
    place = np.empty_like(image)
    infer = inference(model, [place], threads, floats=floats)

    def run(pixels: np.ndarray) -> np.ndarray:
        if pixels is not place:
            np.copyto(place, pixels)
        logits: np.ndarray = infer()[0]
        return logits

    return run


class GraphClassifier(nn.Module):
    """A graph where Detectron2's evaluation expects a model; see `inference.packed_model`."""

    prepares_images = True

    def __init__(self, run: RunGraph) -> None:
        super().__init__()
        self.run = run
        self.eval()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One image after the other."""
        return [
            {"logits": torch.from_numpy(np.array(self.run(graph_pixels(item))))[0]}
            for item in batched_inputs
        ]


def graph_pixels(item: Mapping[str, Any]) -> np.ndarray:
    """The image of a dict of the loader, as a graph takes it."""
    return np.ascontiguousarray(item["image"][None].numpy(), dtype=np.float32)
