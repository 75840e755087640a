"""A trained network as an ONNX graph: the simulation with floats, for any size of image."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.errors import ConfigError, lookup
from groupnet_det.extras import import_extra

from .graph_edits import tidy
from .onnx_layers import exportable
from .onnx_outputs import OnnxTask, find_task

EXTRA = "onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18  # the first that the exporter of torch writes without converting
INPUT = "image"
QUANTIZED = "quantized_"
# Size of the images that are traced; large enough that no map of a pyramid has a side of one pixel.
EXAMPLE = (2, 3, 320, 384)
DRY_RUN = (1, 3, 64, 64)
# INPUT.FORMAT -> order of the channels of an RGB image as the model takes them.
CHANNELS: dict[str, tuple[int, ...]] = {"RGB": (0, 1, 2), "BGR": (2, 1, 0)}


class OnnxNetwork(nn.Module):
    """A network from RGB pixels to the outputs of `OnnxTask`, then all quantized maps.

    Normalization, the order of the channels and the padding to a multiple of the stride, which
    Detectron2 does outside of the network, are inside.
    """

    def __init__(self, model: nn.Module, task: OnnxTask, *, image_format: str) -> None:
        """
        Args:
            model: In eval mode, on the CPU; it stays as it is.
            task: Its own.
            image_format: ``INPUT.FORMAT``.

        Raises:
            ConfigError: `image_format` is not a key of `CHANNELS`.
        """
        super().__init__()
        self.order = lookup(CHANNELS, image_format, "INPUT.FORMAT")
        self.notes: list[Tensor] = []
        self.model: Any = exportable(model, self.notes)
        self.task = task

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W), 0 to 255 -> outputs and quantized maps by name."""
        self.notes.clear()
        height, width = image.shape[2], image.shape[3]
        features = self.model.backbone(self._prepare(image, height, width))
        outputs = self.task.heads(self.model, features, (height, width))
        return {**outputs, **{f"{QUANTIZED}{i}": map_ for i, map_ in enumerate(self.notes)}}

    def _prepare(self, image: Tensor, height: int, width: int) -> Tensor:
        if self.order != CHANNELS["RGB"]:
            image = image[:, list(self.order)]
        x = (image - self.model.pixel_mean) / self.model.pixel_std
        multiple = self.model.backbone.size_divisibility
        if multiple > 1:
            x = F.pad(x, (0, -width % multiple, 0, -height % multiple))
        return x


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """A graph, and what it takes to verify it.

    Attributes:
        proto: The ``onnx.ModelProto`` that is written.
        outputs: Names of its outputs.
        quantized: Names of the quantized maps inside it, in the order in which the network makes
            them; where two are the same map, its name stands twice.
        order: Indices of the channels of an RGB image in the order of the model.
    """

    proto: Any
    outputs: list[str]
    quantized: list[str]
    order: tuple[int, ...]

    def save(self, path: Path) -> None:
        """Write it, beside its place first: an interruption harms no older file."""
        partial = path.with_suffix(".partial")
        partial.write_bytes(self.proto.SerializeToString())
        os.replace(partial, path)


def require_onnx() -> None:
    """
    Raises:
        MissingExtraError: The packages of the extra ``onnx`` are not installed.
    """
    import_extra(EXTRA, PACKAGES)


def export_onnx(
    model: nn.Module, *, image_format: str = "RGB", metadata: Mapping[str, Any] | None = None
) -> OnnxModel:
    """Export a trained model of any task.

    Args:
        model: A model whose class is in `TASKS`, in eval mode, on the CPU.
        image_format: ``INPUT.FORMAT``, the order of channels that `model` takes.
        metadata: For ``metadata_props``, beside ``task``, ``input`` and what belongs to the
            outputs; all but strings is written as JSON.

    Raises:
        MissingExtraError: The packages of the extra ``onnx`` are not installed.
        ConfigError: No ONNX file can be made of this model.
    """
    require_onnx()
    task = find_task(model)
    network = OnnxNetwork(model, task, image_format=image_format).eval()
    with torch.no_grad():
        names = list(network(torch.zeros(DRY_RUN)))
    proto = _trace(network, names)
    outputs = [name for name in names if not name.startswith(QUANTIZED)]
    quantized = tidy(proto, outputs, names[len(outputs) :])
    about = {
        "task": task.name,
        "input": f"{INPUT}: float32 (batch, 3, height, width), RGB, 0 to 255; it is normalized, "
        "and padded where the network needs it, inside",
        **task.describe(model),
        **(metadata or {}),
    }
    for key, value in about.items():
        text = value if isinstance(value, str) else json.dumps(value)
        proto.metadata_props.add(key=key, value=text)
    return OnnxModel(proto=proto, outputs=outputs, quantized=quantized, order=network.order)


def _trace(network: OnnxNetwork, names: list[str]) -> Any:
    """The ModelProto, with the quantized maps among its outputs."""
    dynamic = torch.export.Dim.DYNAMIC
    example = torch.zeros(EXAMPLE)
    try:
        # Conditions on sizes, such as that two maps of a pyramid fit, are met by the padding; as
        # guards they would narrow what sizes the graph takes.
        with torch.no_grad():
            program = torch.export.export(
                network,
                (example,),
                dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},),
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except TypeError as error:
        if "prefer_deferred" not in str(error):
            raise
        raise ConfigError(
            f"torch {torch.__version__} cannot export maps of any size; install a newer torch"
        ) from error
    exported = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=names,
        verbose=False,
    )
    assert exported is not None
    return exported.model_proto
