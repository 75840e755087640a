"""A trained classifier on the engines that can run it, each scored and timed alike."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from detectron2.config import CfgNode
from torch import nn

from groupnet_det.benchmark.suites.trained_model import first_batch
from groupnet_det.config import part_method
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.eight_bits.calibration_images import calibration_images
from groupnet_det.exporting.packed.trained import export_trained, load_trained, make_float_convs
from groupnet_det.inference.packed_model import PackedModel
from groupnet_det.modeling.meta_arch.classifier import ImageClassifier
from groupnet_det.packed.packed_file import write_packed

from .float_graphs import (
    GraphClassifier,
    RunGraph,
    graph_pixels,
    int8_graph,
    run_by_onnxruntime,
    run_by_openvino,
    trained_graph,
)

PACKED = "packed"
PACKED_INT8 = "packed, 8-bit shortcuts"  # where a binary network has some in full precision
CLASSIFIER = ImageClassifier.__name__


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A network on an engine.

    Attributes:
        model: A model that Detectron2 can evaluate.
        run: Computes the most probable class from the pixels of the first test image.
        num_bytes: Size of the engine's file in bytes.
        calibration_images: Number of images that calibrated 8 bits; 0 for other engines.
    """

    model: nn.Module
    run: Callable[[], object]
    num_bytes: int
    calibration_images: int = 0


class TrainedClassifier:
    """A trained classifier for the engines; graphs are made once, when the first engine asks.

    Raises:
        ConfigError: It is not a classifier.
        CheckpointError: ``MODEL.WEIGHTS`` cannot be used.
    """

    def __init__(self, cfg: CfgNode, *, threads: int, calibration_images: int) -> None:
        """
        Args:
            cfg: Its data sets are registered; ``MODEL.WEIGHTS`` names the trained network.
            threads: Threads of each engine.
            calibration_images: Number of images of ``DATASETS.TRAIN[0]`` that calibrate 8 bits.
        """
        self.cfg, self.threads, self.calibration_images = cfg, threads, calibration_images
        if cfg.MODEL.META_ARCHITECTURE != CLASSIFIER:
            raise ConfigError(
                f"--front is for classifiers, and MODEL.META_ARCHITECTURE is "
                f"{cfg.MODEL.META_ARCHITECTURE}"
            )
        self.model, self.rest = load_trained(cfg)
        self.image = graph_pixels(first_batch(cfg)[0])
        self._graphs: dict[str, bytes] = {}

    def graph(self, bits: int) -> bytes:
        """The network in ONNX with numbers of 32 or 8 bits."""
        if "float" not in self._graphs:
            image_format = self.cfg.INPUT.FORMAT
            self._graphs["float"] = trained_graph(self.model, image_format=image_format)
        if bits == 8 and "int8" not in self._graphs:
            self._graphs["int8"] = int8_graph(self._graphs["float"], self.training_images())
        return self._graphs["int8" if bits == 8 else "float"]

    def training_images(self) -> Iterator[np.ndarray]:
        """Images as the network sees them in evaluation, evenly spread over the classes."""
        batches = calibration_images(self.cfg, self.calibration_images)
        return (graph_pixels(image) for (image,) in batches)


def _packed(trained: TrainedClassifier, float_convs: str) -> Deployment:
    images = trained.calibration_images if float_convs == "int8" else 0
    others = make_float_convs(trained.cfg, trained.model, float_convs, images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.gnp"
        packed = export_trained(trained.cfg, trained.model, trained.rest, float_convs=others)
        write_packed(path, packed.program, packed.info, packed.tensors)
        model, num_bytes = PackedModel(str(path)), path.stat().st_size
    pixels = torch.from_numpy(trained.image).permute(0, 2, 3, 1).to(torch.uint8).contiguous()
    network = model.predictor.network

    def run() -> object:
        return network(pixels)["logits"].flatten(1).argmax(dim=1)

    return Deployment(model=model, run=run, num_bytes=num_bytes, calibration_images=images)


def _graph(
    trained: TrainedClassifier, open_graph: Callable[[bytes, np.ndarray, int], RunGraph], bits: int
) -> Deployment:
    graph = trained.graph(bits)
    run = open_graph(graph, trained.image, trained.threads)
    return Deployment(
        model=GraphClassifier(run),
        run=lambda: run(trained.image).argmax(axis=1),
        num_bytes=len(graph),
        calibration_images=trained.calibration_images if bits == 8 else 0,
    )


ENGINES: Mapping[str, Callable[[TrainedClassifier], Deployment]] = {
    PACKED: partial(_packed, float_convs="float"),
    PACKED_INT8: partial(_packed, float_convs="int8"),
    "openvino float32": partial(_graph, open_graph=partial(run_by_openvino, floats="f32"), bits=32),
    "openvino bfloat16": partial(
        _graph, open_graph=partial(run_by_openvino, floats="bf16"), bits=32
    ),
    "openvino int8": partial(_graph, open_graph=run_by_openvino, bits=8),
    "onnxruntime float32": partial(_graph, open_graph=run_by_onnxruntime, bits=32),
    "onnxruntime int8": partial(_graph, open_graph=run_by_onnxruntime, bits=8),
}


def engines_for(cfg: CfgNode) -> list[str]:
    """Keys of `ENGINES`: the packed engine for quantized networks, else all others."""
    packed = [PACKED, PACKED_INT8]
    if part_method(cfg, "BACKBONE") == "float":
        return [name for name in ENGINES if name not in packed]
    return packed if cfg.MODEL.GROUPNET.DOWNSAMPLE == "float" else [PACKED]
