"""Checks that ONNX Runtime gives for an exported graph what the trained network gives.

The two add numbers up in different orders, so their floats differ in the last digits, and where a
value next to a threshold is quantized, that turns a sign, which turns others after it. So the
trained network is run with the quantized maps of ONNX Runtime: each of its quantizers computes its
own map, compares, and goes on with the other's. Then

* every value of every quantized map must be equal, or be one that the quantizer gives for a value
  `TIE` of the largest away (a tie), and ties must be rare, so that a wrong sign of 0 is none;
* the outputs must agree to `TOLERANCE` of the largest.

The trained network computes its binary convolutions in integers where the processor can, the graph
with floats: nothing is common to both but the weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groupnet_det.errors import UserError
from groupnet_det.extras import import_extra
from groupnet_det.layers.convs.quantized_conv import QuantizedConv2d
from groupnet_det.quantizers.base import ActivationQuantizer

from .graph_edits import with_outputs
from .graph_export import EXTRA, INPUT, OnnxModel
from .onnx_layers import FLOAT_BITS, copy_for_changes, replace_module
from .onnx_outputs import find_task

TIE = 1e-5  # of the largest magnitude of the map that is quantized
MOST_TIES = 1e-3  # of the values of a map; one is always allowed
TOLERANCE = 1e-4  # of the largest magnitude of an output
# Shapes of the sample images: (number, height, width), neither of them a multiple of a stride.
SIZES = ((2, 136, 168), (1, 201, 125))
COARSE = 6  # pixels a side of the pattern of a sample image


class OnnxMismatchError(UserError):
    """ONNX Runtime computes something else than the trained network."""


@dataclass(frozen=True, kw_only=True)
class OutputFinding:
    """An output of one run.

    Attributes:
        name: Name of the output.
        largest: Greatest magnitude, by the trained network.
        difference: Greatest difference, where the trained network goes on from the same quantized
            maps.
        free: Greatest difference where both go on from their own.
    """

    name: str
    largest: float
    difference: float
    free: float

    @property
    def agrees(self) -> bool:
        return self.difference <= TOLERANCE * self.largest

    @property
    def differences(self) -> tuple[float, float]:
        return self.difference, self.free


@dataclass(frozen=True, kw_only=True)
class OnnxFinding:
    """A run with images of one size.

    Attributes:
        size: (N, H, W).
        outputs: Comparisons by output.
        values: Quantized values that were compared.
        ties: How many of them differ, each a tie.
    """

    size: tuple[int, int, int]
    outputs: list[OutputFinding]
    values: int
    ties: int


def verify_onnx(
    model: nn.Module, exported: OnnxModel, sizes: Sequence[tuple[int, int, int]] = SIZES
) -> list[OnnxFinding]:
    """Run ONNX Runtime and the trained network on sample images; see the module.

    Args:
        model: What `exported` was made from, in eval mode, on the CPU.
        sizes: Batch sizes and sizes of the images: (N, H, W).

    Raises:
        MissingExtraError: The packages of the extra ``onnx`` are not installed.
        OnnxMismatchError: They disagree; the message says where.
    """
    given = exported.proto.SerializeToString()
    traced = with_outputs(exported.proto, exported.quantized).SerializeToString()
    return [_verify(model, exported, given, traced, size) for size in sizes]


def sample_images(size: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Random patterns with noise on them: float32 RGB (N, 3, H, W), whole numbers 0 to 255."""
    number, height, width = size
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 3, COARSE, COARSE, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bilinear")
    noise = torch.rand(number, 3, height, width, generator=generator)
    return (255 * (0.8 * smooth + 0.2 * noise)).round()


def run_onnx(model: bytes, images: Tensor) -> dict[str, Tensor]:
    """The outputs of a graph by ONNX Runtime.

    Raises:
        MissingExtraError: It is not installed.
    """
    runtime: Any = import_extra(EXTRA, ["onnxruntime"])[0]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {INPUT: np.ascontiguousarray(images.numpy())})
    return {name: torch.from_numpy(value) for name, value in zip(names, values, strict=True)}


class _Guide:
    """The quantized maps of ONNX Runtime, in the order of the trained network."""

    def __init__(self, maps: Iterator[Tensor]) -> None:
        self.maps = maps
        self.values = self.ties = 0

    def follow(self, name: str, quantizer: ActivationQuantizer, x: Tensor) -> Tensor:
        """Return ONNX Runtime's result instead of ``quantizer(x)``.

        Raises:
            OnnxMismatchError: It is something else, and not by ties.
        """
        ours, theirs = quantizer(x), next(self.maps)
        if ours.shape != theirs.shape:
            shapes = f"{list(theirs.shape)} instead of {list(ours.shape)}"
            raise OnnxMismatchError(f"the input of {name} has the shape {shapes} in ONNX Runtime")
        differ = _apart(theirs, ours)
        far = differ
        for margin in (-TIE * x.abs().amax(), TIE * x.abs().amax()):
            far = far & _apart(theirs, quantizer(x + margin))
        ties = int(differ.sum())
        if far.any() or ties > 1 + MOST_TIES * ours.numel():
            raise OnnxMismatchError(
                f"{int(far.sum())} of {ours.numel()} quantized inputs of {name} are wrong in ONNX "
                f"Runtime, and {ties} differ; no file is left. Is this version of onnxruntime or "
                "torch a new one?"
            )
        self.values += ours.numel()
        self.ties += ties
        return theirs


class _Following(ActivationQuantizer):
    """A quantizer that gives what ONNX Runtime has in its place."""

    def __init__(self, quantizer: ActivationQuantizer, guide: _Guide, name: str) -> None:
        super().__init__()
        self.quantizer, self.guide, self.name = quantizer, guide, name

    @property
    def pad_value(self) -> float | Tensor:
        return self.quantizer.pad_value

    @property
    def code_step(self) -> float | None:
        return self.quantizer.code_step

    def forward(self, x: Tensor) -> Tensor:
        return self.guide.follow(self.name, self.quantizer, x)


@torch.no_grad()
def _verify(
    model: nn.Module, exported: OnnxModel, given: bytes, traced: bytes, size: tuple[int, int, int]
) -> OnnxFinding:
    images = sample_images(size)
    theirs = run_onnx(traced, images)
    guide = _Guide(theirs[name] for name in exported.quantized)
    seen = images[:, list(exported.order)]
    task = find_task(model)
    ours = task.predict(task, _following(model, guide), seen)
    free, own = run_onnx(given, images), task.predict(task, model, seen)
    outputs = [
        OutputFinding(
            name=name,
            largest=_largest(ours[name]),
            difference=_difference(name, theirs[name], ours[name]),
            free=_difference(name, free[name], own[name]),
        )
        for name in exported.outputs
    ]
    for output in outputs:
        if not output.agrees:
            raise OnnxMismatchError(
                f"output {output.name} of ONNX Runtime is {output.difference:.3g} apart where the "
                f"largest is {output.largest:.3g}; no file is left. Is this version of onnxruntime "
                "or torch a new one?"
            )
    return OnnxFinding(size=size, outputs=outputs, values=guide.values, ties=guide.ties)


def _following(model: nn.Module, guide: _Guide) -> nn.Module:
    model = copy_for_changes(model)
    for name, conv in list(model.named_modules()):
        if isinstance(conv, QuantizedConv2d) and conv.activation.precision != FLOAT_BITS:
            followed = _Following(conv.activation, guide, name)
            replace_module(model, f"{name}.activation", followed)
    return model


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs() > TIE * b.abs().amax()


def _largest(x: Tensor) -> float:
    return float(x.abs().max())


def _difference(name: str, theirs: Tensor, ours: Tensor) -> float:
    if theirs.shape != ours.shape:
        shapes = f"{list(theirs.shape)} instead of {list(ours.shape)}"
        raise OnnxMismatchError(f"output {name} of ONNX Runtime has the shape {shapes}")
    return float((theirs - ours).abs().max())
