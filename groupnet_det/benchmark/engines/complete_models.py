"""Engines that run detectors and segmenters, each from the pixels of an image to the prediction."""

import contextlib
import functools
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groupnet_det.benchmark.measure.timing import Burst, burst_of
from groupnet_det.benchmark.measure.unavailable import EngineUnavailableError, require
from groupnet_det.benchmark.measure.workload import ModelWorkload
from groupnet_det.benchmark.workloads.detectors import (
    batch_of,
    binary_model,
    config_of,
    float_baseline,
    image_of,
    packed_model,
)
from groupnet_det.exporting.onnx.graph_export import INPUT, export_onnx
from groupnet_det.extras import MissingExtraError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.predictor import PackedPredictor

from .onnxruntime_engines import CALIBRATION_IMAGES, open_session, quantized
from .openvino_engines import inference, openvino_core
from .torch_engines import in_inference_mode


def make_complete_packed(workload: ModelWorkload, threads: int) -> Burst:
    """The packed network, as a user calls it.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    predictor, image = make_full_predictor(workload), image_of(workload)
    return burst_of(lambda: predictor(image))


def make_complete_steps(workload: ModelWorkload, threads: int) -> Burst:
    """All steps of the program for the image by the engine's own clock; parts that see regions, and
    what is done in Python, are not in it.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    network: Any = make_full_predictor(workload).network
    pixels = torch.from_numpy(image_of(workload))[None]

    def burst(runs: int) -> float:
        return float(network.engine.time_steps(pixels, runs).sum(dim=1).min())

    return burst


def make_complete_eager(workload: ModelWorkload, threads: int) -> Burst:
    """The float32 baseline by Detectron2, in channels-last layout."""
    return burst_of(in_inference_mode(float_baseline(workload), batch_of(workload)))


def make_simulation(workload: ModelWorkload, threads: int) -> Burst:
    """The binary network as it is trained and evaluated."""
    return burst_of(in_inference_mode(binary_model(workload), batch_of(workload)))


def make_onnxruntime_int8(workload: ModelWorkload, threads: int) -> Burst:
    """The baseline's graph with 8 bits, up to its raw outputs: boxes and NMS are not in it.

    Raises:
        EngineUnavailableError: A package is not installed, or the graph cannot be made.
    """
    require("onnxruntime")
    session = open_session(_int8(workload), threads)
    feed = {INPUT: _onnx_image(workload)}
    return burst_of(lambda: session.run(None, feed))


def make_complete_int8(workload: ModelWorkload, threads: int) -> Burst:
    """The graph of `make_onnxruntime_int8`, compiled for the size of the image.

    Raises:
        EngineUnavailableError: A package is not installed, or the graph cannot be made.
    """
    image = _onnx_image(workload)
    model = openvino_core().read_model(_int8(workload))
    model.reshape(list(image.shape))
    return burst_of(inference(model, [image], threads))


@functools.lru_cache(maxsize=1)  # two engines run it
def _int8(workload: ModelWorkload) -> bytes:
    require("onnxruntime.quantization", "onnx")
    model = float_baseline(workload).to(memory_format=torch.contiguous_format)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exported = export_onnx(model, image_format=config_of(workload).INPUT.FORMAT)
        except MissingExtraError as error:
            raise EngineUnavailableError(str(error)) from error
        feed = {INPUT: _onnx_image(workload)}
        return quantized(exported.proto.SerializeToString(), [feed] * CALIBRATION_IMAGES)


def _onnx_image(workload: ModelWorkload) -> np.ndarray:
    return np.ascontiguousarray(image_of(workload).transpose(2, 0, 1)[None], dtype=np.float32)


def make_full_predictor(workload: ModelWorkload) -> PackedPredictor:
    """The packed network.

    Raises:
        ExtensionError: The compiled engine is missing.
    """
    packed = packed_model(workload)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        write_packed(path, packed.program, packed.info, packed.tensors)
        return PackedPredictor(path, score_threshold=None)
