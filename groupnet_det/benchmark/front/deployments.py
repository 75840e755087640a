"""A trained network on the engines that can run it, each scored and timed alike."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from detectron2.config import CfgNode

from groupnet_det.benchmark.suites.trained_model import first_batch, prepared_image
from groupnet_det.config import part_method
from groupnet_det.config.dense_detectors import DENSE_BY_ARCHITECTURE
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.eight_bits.calibration_images import calibration_images
from groupnet_det.exporting.packed.models.preprocessing_info import task_of_model
from groupnet_det.exporting.packed.trained import (
    export_trained,
    load_trained,
    make_float_convs,
    make_predictors,
)
from groupnet_det.inference.packed_model import PackedModel
from groupnet_det.packed.packed_file import write_packed

from .float_graphs import int8_graph, run_by_onnxruntime, run_by_openvino, trained_graph
from .graph_network import GraphNetwork, RunGraph

PACKED = "packed"
PACKED_INT8 = "packed, 8-bit parts"  # where a binary network has some in full precision
DIGITS = 16  # of a graph's digest
# Values of MODEL.META_ARCHITECTURE whose networks are a single graph.
ARCHITECTURES = ("ImageClassifier", "SemanticSegmentor", *DENSE_BY_ARCHITECTURE)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A network on an engine.

    Attributes:
        model: A model that Detectron2 can evaluate.
        run: Computes the prediction from the pixels of the first test image.
        num_bytes: Size of the engine's file in bytes.
        calibration_images: Number of images that calibrated 8 bits; 0 for other engines.
    """

    model: PackedModel
    run: Callable[[], object]
    num_bytes: int
    calibration_images: int = 0


class TrainedNetwork:
    """A trained network for the engines; graphs are made once, when the first engine asks.

    Those of 8 bits, which take minutes, stay beside the checkpoint.

    Raises:
        ConfigError: It is not a single graph, such as an R-CNN.
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
        if cfg.MODEL.META_ARCHITECTURE not in ARCHITECTURES:
            raise ConfigError(
                "--front is for classifiers, segmenters and dense detectors, and "
                f"MODEL.META_ARCHITECTURE is {cfg.MODEL.META_ARCHITECTURE}; "
                f"valid: {', '.join(ARCHITECTURES)}"
            )
        self.model, self.rest = load_trained(cfg)
        self.image, self.wanted = prepared_image(first_batch(cfg)[0])
        self._graphs: dict[str, bytes] = {}

    def graph(self, bits: int) -> bytes:
        """The network in ONNX with numbers of 32 or 8 bits."""
        if "float" not in self._graphs:
            self._graphs["float"] = trained_graph(self.model)
        if bits == 8 and "int8" not in self._graphs:
            self._graphs["int8"] = self._int8_graph(self._graphs["float"])
        return self._graphs["int8" if bits == 8 else "float"]

    def _int8_graph(self, graph: bytes) -> bytes:
        """Read from beside the checkpoint if it was made before, under a digest of all it needs."""
        seen = f"{self.cfg.DATASETS.TRAIN[0]} {self.calibration_images}".encode()
        digest = hashlib.sha256(graph + seen).hexdigest()[:DIGITS]
        path = Path(self.cfg.MODEL.WEIGHTS).with_name(f"int8_{digest}.onnx")
        if not path.is_file():
            partial_path = path.with_suffix(".partial")
            partial_path.write_bytes(int8_graph(graph, self.training_images()))
            partial_path.replace(path)
        return path.read_bytes()

    def training_images(self) -> Iterator[np.ndarray]:
        """Pixels, uint8 (1, H, W, 3), as the network sees them in evaluation, of images that are
        evenly spread over the training data."""
        batches = calibration_images(self.cfg, self.calibration_images)
        return (prepared_image(item)[0].numpy() for (item,) in batches)

    def pack(self, precision: str = "float") -> tuple[PackedModel, int]:
        """The network in a packed file, opened, and the size of the file in bytes.

        Args:
            precision: Of what is not binary: one of `exporting.packed.trained.PRECISIONS`.
        """
        images = self.calibration_images
        others = make_float_convs(self.cfg, self.model, precision, images)
        last = "float" if task_of_model(self.model) == "classification" else precision
        predictors = make_predictors(self.cfg, self.model, last, images)
        packed = export_trained(
            self.cfg, self.model, self.rest, predictors=predictors, float_convs=others
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.gnp"
            write_packed(path, packed.program, packed.info, packed.tensors)
            return PackedModel(str(path)), path.stat().st_size

    def deploy(self, model: PackedModel, num_bytes: int, *, calibrated: bool) -> Deployment:
        """A model on an engine."""
        return Deployment(
            model=model,
            run=self._run(model),
            num_bytes=num_bytes,
            calibration_images=self.calibration_images if calibrated else 0,
        )

    def _run(self, model: PackedModel) -> Callable[[], object]:
        predictor = model.predictor
        if predictor.task == "classification":  # no longer than the engine itself
            return lambda: predictor.network(self.image)["logits"].flatten(1).argmax(dim=1)
        return lambda: predictor.predict_pixels(self.image, self.wanted)


def _packed(trained: TrainedNetwork, precision: str) -> Deployment:
    return trained.deploy(*trained.pack(precision), calibrated=precision == "int8")


def _graph(
    trained: TrainedNetwork, open_graph: Callable[[bytes, int], RunGraph], bits: int
) -> Deployment:
    graph = trained.graph(bits)
    model, _ = trained.pack()
    predictor = model.predictor
    predictor.network = GraphNetwork(open_graph(graph, trained.threads), predictor.network)
    return trained.deploy(model, len(graph), calibrated=bits == 8)


ENGINES: Mapping[str, Callable[[TrainedNetwork], Deployment]] = {
    PACKED: partial(_packed, precision="float"),
    PACKED_INT8: partial(_packed, precision="int8"),
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
    return packed if _has_float_parts(cfg) else [PACKED]


def _has_float_parts(cfg: CfgNode) -> bool:
    """Whether more than the stem and a classifier's last layer is in full precision."""
    network = cfg.MODEL.GROUPNET
    return cfg.MODEL.META_ARCHITECTURE != "ImageClassifier" or network.DOWNSAMPLE == "float"
