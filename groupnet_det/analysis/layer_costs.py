"""Operations, parameters and bytes of each layer; `complexity.CONVENTION` says how they count."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.layers import QuantizedConv2d
from groupnet_det.layers.blocks.branched_unit import BranchedUnit
from groupnet_det.layers.blocks.group_block import GroupBlock

from .counting import LAYERS, SeenLayers, watched_layers
from .precision_map import activation_bits, kind_of, weight_bits

MAX_QUANTIZED_BITS = 8
FLOAT_BITS = 32
OTHERS = "BN, gates and the like"


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """A convolution or linear layer, with those of the other bases that have the same place.

    Attributes:
        name: Module path, without the number of the base and without a last ``conv``.
        kind: Such as ``conv 3x3``; "" for what is not a layer.
        weight_bits, activation_bits: See `precision_map`.
        output: Shape of the first output of one base, such as ``64x56x56``.
        values: Number of values of all outputs.
        binary_operations, float_operations: BOPs and MACs.
        parameters: Number of trained parameters.
        simulated_bytes: Bytes of the weights as they are trained.
        packed_bits: In a packed file.
        float_bytes: Bytes of the full-precision baseline, if it was compared with one.
        milliseconds: In the packed engine, where they were measured.
    """

    name: str
    kind: str = ""
    weight_bits: int = FLOAT_BITS
    activation_bits: int = FLOAT_BITS
    output: str = ""
    values: int = 0
    binary_operations: int = 0
    float_operations: int = 0
    parameters: int = 0
    simulated_bytes: int = 0
    packed_bits: int = 0
    float_bytes: int | None = None
    milliseconds: float | None = None


SUMMED = (
    "values",
    "binary_operations",
    "float_operations",
    "parameters",
    "simulated_bytes",
    "packed_bits",
)
SUMMED_WHERE_KNOWN = ("float_bytes", "milliseconds")


def layer_costs(model: nn.Module, run: Callable[[], Any]) -> list[LayerCost]:
    """Count the costs of each layer in `run()`, one forward pass of `model` on one image.

    Returns:
        A row for each layer, also those that did not run, in the order of the modules; last, one
        for all tensors that belong to none.
    """
    with watched_layers(model) as seen, torch.no_grad():
        run()
    place = _places(model)
    taken: set[int] = set()
    by_name: dict[str, list[LayerCost]] = {}
    for path, module in model.named_modules():
        if isinstance(module, LAYERS):
            row = _layer_cost(place(path), module, seen.get(module, SeenLayers()), taken)
            by_name.setdefault(row.name, []).append(row)
    rows = [add_up(same, same[0].name) for same in by_name.values()]
    return [*rows, _tensor_cost(OTHERS, model, None, taken)]


def add_up(rows: Sequence[LayerCost], name: str) -> LayerCost:
    """The sum of rows, called `name`; kind, bits and shape are those of the first."""
    sums: dict[str, Any] = {key: sum(getattr(row, key) for row in rows) for key in SUMMED}
    for key in SUMMED_WHERE_KNOWN:
        known = [v for row in rows if (v := getattr(row, key)) is not None]
        sums[key] = sum(known) if known else None
    return replace(rows[0], name=name, **sums)


def total(rows: Sequence[LayerCost]) -> LayerCost:
    """The sum of all rows, of no kind."""
    return replace(add_up([LayerCost(name=""), *rows], "total"), kind="", output="")


def with_float_baseline(
    rows: Iterable[LayerCost], baseline: Iterable[LayerCost]
) -> list[LayerCost]:
    """`rows` with the bytes of the layers of the same name in the full-precision baseline.

    What the baseline alone has, gets a row of its own.
    """
    rest = {row.name: row.simulated_bytes for row in baseline}
    joined = [replace(row, float_bytes=rest.pop(row.name, None)) for row in rows]
    return joined + [LayerCost(name=name, float_bytes=size) for name, size in rest.items()]


def _places(model: nn.Module) -> Callable[[str], str]:
    """Map module paths to a name that all bases share, as a packed file's steps have it."""
    branched = [
        re.escape(f"{path}." if path else "")
        for path, module in model.named_modules()
        if isinstance(module, GroupBlock | BranchedUnit)
    ]
    number = re.compile(f"^({'|'.join(branched)})branches\\.\\d+\\.?") if branched else None

    def place(path: str) -> str:
        shared = number.sub(r"\1", path) if number else path
        return shared.removesuffix(".conv").removesuffix(".")

    return place


def _layer_cost(name: str, layer: nn.Module, seen: SeenLayers, taken: set[int]) -> LayerCost:
    factor = _binary_factor(layer)
    return replace(
        _tensor_cost(name, layer, layer, taken),
        kind=kind_of(layer),
        weight_bits=weight_bits(layer),
        activation_bits=activation_bits(layer),
        output="x".join(map(str, seen.shape)),
        values=seen.values,
        binary_operations=factor * seen.macs,
        float_operations=0 if factor else seen.macs,
    )


def _tensor_cost(
    name: str, module: nn.Module, layer: nn.Module | None, taken: set[int]
) -> LayerCost:
    """Count those tensors of `module` that are not `taken` yet.

    Args:
        layer: Whose weights may be quantized.
    """
    tensors = [t for t in _stored_tensors(module) if id(t) not in taken]
    taken.update(map(id, tensors))
    quantized = getattr(layer, "weight", None)
    bits = [_stored_bits(layer) if t is quantized else FLOAT_BITS for t in tensors]
    sizes = [t.numel() for t in tensors]
    return LayerCost(
        name=name,
        parameters=sum(t.numel() for t in tensors if isinstance(t, nn.Parameter)),
        simulated_bytes=4 * sum(sizes),
        packed_bits=sum(n * b for n, b in zip(sizes, bits, strict=True)),
    )


def _stored_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Parameters and floating-point buffers."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            yield tensor


def _binary_factor(layer: nn.Module) -> int:
    """BOPs for each MAC; 0 in full precision."""
    if not isinstance(layer, QuantizedConv2d):
        return 0
    weight, activation = layer.weight_quantizer, layer.activation
    if max(weight.precision, activation.precision) > MAX_QUANTIZED_BITS:
        return 0
    return weight.precision * weight.num_terms * activation.precision * activation.num_terms


def _stored_bits(layer: nn.Module | None) -> int:
    """Bits of a weight in a packed file."""
    if not isinstance(layer, QuantizedConv2d):
        return FLOAT_BITS
    quantizer = layer.weight_quantizer
    return min(quantizer.precision * quantizer.num_terms, FLOAT_BITS)
