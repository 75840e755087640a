"""Compare a packed file with the training model, part by part, on identical inputs.

Part by part, because the rounding of floats may turn a sign near 0, and what lies after it then
differs with right. So each unit of the training model is given what the packed program computed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from detectron2.structures import ImageList
from torch import Tensor

from groupnet_det.exporting.packed.layers.activation_steps import ActivationSteps
from groupnet_det.exporting.packed.layers.weight_steps import sign_terms
from groupnet_det.layers.blocks.group_block import GroupBlock
from groupnet_det.layers.convs.conv_unit import ConvUnit
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import Trace

from .kept_maps import KeptPlaces, Moment, keep_places, key_of

# (packed file, images uint8 (N, H, W, C)) -> trace.
TraceFunction = Callable[[PackedFile, Tensor], Trace]

TOLERANCE = 1e-4  # of the largest magnitude
FAR = 1e6  # far from every threshold


@dataclass(frozen=True, kw_only=True)
class PartComparison:
    """One map of the network.

    Attributes:
        name: Such as ``res2.0.branches.1.unit2``, whose input it is; ``stem``; ``logits``.
        kind: ``floats``; ``integers``, sums of a binary convolution; ``bits``, made of such sums.
        largest: Greatest magnitude of the training model's values.
        difference: Greatest absolute difference; of bits, how many differ although the number that
            they were made of is not within the tolerance of a threshold.
    """

    name: str
    kind: str
    largest: float
    difference: float

    @property
    def agrees(self) -> bool:
        """Integers and bits equal; floats to 1e-4 of the largest."""
        return self.difference <= (TOLERANCE * self.largest if self.kind == "floats" else 0.0)


@torch.no_grad()
def compare_blocks(
    model: Any, packed: PackedFile, images: Tensor, trace: TraceFunction
) -> list[PartComparison]:
    """Compare all parts of a model's backbone, and an `ImageClassifier`'s head, with a packed file.

    Args:
        model: What `packed` was exported from, in eval mode, on the CPU.
        packed: The file.
        images: uint8 (N, H, W, C), as the packed network takes them.
        trace: `trace_reference`, or one by the engine.

    Returns:
        One for each map, in the order of the network.

    Raises:
        PackedFileError: The file does not say where its blocks are.
    """
    kept = keep_places(packed)
    steps, buffers, contents = trace(kept.packed, images)
    maps = dict(zip(zip(steps, buffers, strict=True), contents, strict=True))
    run = _Run(kept, maps)
    blocks = packed.info["blocks"]
    names = list(blocks)
    backbone = getattr(model.backbone, "bottom_up", model.backbone)
    stem = backbone.stem(_normalized(model, images))
    run.compare_floats("stem", stem, blocks[names[0]]["inputs"][0])
    for name, following in zip(names, [*names[1:], None], strict=True):
        merged, branches = run.block(name, backbone.get_submodule(name), blocks[name])
        if following is None:
            run.compare_floats(f"{name}.merged", merged, blocks[name]["merged"])
            continue
        after = backbone.get_submodule(following)
        inputs = after.connect(merged, branches, len(after.branches))
        for k, (x, place) in enumerate(zip(inputs, blocks[following]["inputs"], strict=True)):
            run.compare_floats(f"{following}.inputs.{k}", x, place)
    if not hasattr(model, "classify"):
        return run.parts
    feature = run.floats(blocks[names[-1]]["merged"])
    logits = maps[len(packed.program.steps) - 1, packed.program.outputs["logits"]]
    expected = model.classify({model.in_feature: feature})
    run.note("logits", "floats", expected, logits.flatten(1))
    return run.parts


def _normalized(model: Any, images: Tensor) -> Tensor:
    """(N, C, H, W) as the training model's backbone gets it, padded to the sizes that it needs."""
    pixels = (images.permute(0, 3, 1, 2) - model.pixel_mean) / model.pixel_std
    return ImageList.from_tensors(list(pixels), model.backbone.size_divisibility).tensor


class _Run:
    """Collects comparisons."""

    def __init__(self, kept: KeptPlaces, maps: dict[Moment, Tensor]) -> None:
        self._kept, self._maps = kept, maps
        self.parts: list[PartComparison] = []

    def floats(self, place: dict[str, Any]) -> Tensor:
        """The packed network's map, (N, C, H, W)."""
        return self._maps[self._kept.floats[key_of(place)]].permute(0, 3, 1, 2)

    def note(self, name: str, kind: str, expected: Tensor, actual: Tensor) -> None:
        difference = (expected.double() - actual.double()).abs().max()
        largest = float(expected.abs().max())
        self.parts.append(
            PartComparison(name=name, kind=kind, largest=largest, difference=float(difference))
        )

    def compare_floats(self, name: str, expected: Tensor, place: dict[str, Any]) -> None:
        self.note(name, "floats", expected, self.floats(place))

    def block(self, name: str, block: GroupBlock, record: dict[str, Any]) -> tuple[Any, Any]:
        """Run a block on the packed network's inputs; its merged output and its branches'."""
        outputs = []
        for k, (branch, place) in enumerate(zip(block.branches, record["inputs"], strict=True)):
            x = self.floats(place)
            path = f"branches.{k}."
            units = {
                unit.removeprefix(path): place
                for unit, place in record["units"].items()
                if unit.startswith(path)
            }
            with self._fed(f"{name}.{path}", branch, units):
                outputs.append(branch(x, block.downsample(x)))
        return block.merge(outputs) if block.merge is not None else (None, outputs)

    @contextmanager
    def _fed(self, name: str, branch: Any, units: dict[str, Any]) -> Iterator[None]:
        """While it lasts, units of `branch` after the first get the packed network's inputs."""
        last: dict[str, Any] = {}  # the unit before, and its input

        def feed(unit_name: str) -> Callable[[ConvUnit, tuple[Tensor]], tuple[Tensor]]:
            def hook(unit: ConvUnit, inputs: tuple[Tensor]) -> tuple[Tensor]:
                (x,) = inputs
                if unit_name in units:
                    x = self._compare_input(f"{name}{unit_name}", unit, x, units[unit_name], last)
                last.update(unit=unit, x=x)
                return (x,)

            return hook

        handles = [
            unit.register_forward_pre_hook(feed(unit_name))
            for unit_name, unit in branch.named_children()
            if isinstance(unit, ConvUnit)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _compare_input(
        self, name: str, unit: ConvUnit, x: Tensor, place: dict[str, Any], last: dict[str, Any]
    ) -> Tensor:
        if not place["sum"]:
            self.compare_floats(name, x, place)
            return x.copy_(self.floats(place))  # in place: a shortcut may read it too
        self.note(name, "integers", _integer_sums(last["unit"], last["x"]), self.floats(place))
        bits = self._maps[self._kept.bits[key_of(place)]].permute(0, 3, 1, 2)
        wrong = _wrong_bits(unit, x, bits)
        self.parts.append(
            PartComparison(name=name, kind="bits", largest=1.0, difference=float(wrong))
        )
        return _standing_for(unit, bits)


def _integer_sums(unit: ConvUnit, x: Tensor) -> Tensor:
    """The sums that the packed network has for a unit of one binary convolution, (N, C, H, W)."""
    norm = unit.norm_before_sign(0)
    (y,) = unit.conv.forward_maps([x if norm is None else norm(x)])
    terms = sign_terms(unit.conv, "")
    halves = ActivationSteps(unit.conv.activation, norm, unit.conv.in_channels, "").binary_terms()
    assert terms is not None
    assert halves is not None
    # A layer whose weights are all 0 has no sums to compare; none is in a trained network.
    scale = terms[0].magnitude * halves[0].half
    return (y.double() / scale.view(-1, 1, 1)).round()


def _quantized(unit: ConvUnit, x: Tensor) -> Tensor:
    norm = unit.norm_before_sign(0)
    return unit.conv.activation(x if norm is None else norm(x))


def _far_values(unit: ConvUnit, like: Tensor) -> tuple[Tensor, Tensor]:
    """The results for numbers far above and far below, (1, C, 1, 1) each."""
    far = torch.full((1, like.shape[1], 1, 1), FAR)
    return _quantized(unit, far), _quantized(unit, -far)


def _standing_for(unit: ConvUnit, bits: Tensor) -> Tensor:
    """Numbers that the unit quantizes to these bits."""
    above, below = _far_values(unit, bits)
    sign = torch.where(above >= below, 1.0, -1.0)
    return FAR * sign * (1 - 2 * bits.float())


def _wrong_bits(unit: ConvUnit, x: Tensor, bits: Tensor) -> int:
    """Count the bits that are neither those of `x` nor those of a number very near to it."""
    above, below = _far_values(unit, bits)
    high = torch.maximum(above, below).max()  # not of each channel: some have but one value
    near = TOLERANCE * x.abs().max()
    right = torch.zeros_like(bits, dtype=torch.bool)
    for shifted in (x, x - near, x + near):
        right |= (_quantized(unit, shifted) < high) == bits.bool()
    return int((~right).sum())
