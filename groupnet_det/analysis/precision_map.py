"""Which layers are binary: bits of weights and activations, layer group by layer group."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from tabulate import tabulate
from torch import nn

from groupnet_det.layers import QuantizedConv2d


@dataclass(frozen=True, kw_only=True)
class LayerPrecision:
    """One convolution or linear layer.

    Attributes:
        name: Module path.
        kind: Such as ``conv 3x3``.
        weight_bits, activation_bits: 32 where nothing is quantized.
        num_weights: Without the bias.
    """

    name: str
    kind: str
    weight_bits: int
    activation_bits: int
    num_weights: int

    @property
    def part(self) -> str:
        """The path up to the first number: what a reader calls a part."""
        components = self.name.split(".")
        numbers = [i for i, component in enumerate(components) if component.isdigit()]
        kept = components[: numbers[0]] if numbers else components
        return ".".join(kept).removesuffix(".conv")


def layer_precisions(model: nn.Module) -> Iterator[LayerPrecision]:
    """All convolutions and linear layers of `model`, in the order of its modules."""
    for name, module in model.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        weight_bits, activation_bits = 32, 32
        if isinstance(module, QuantizedConv2d):
            weight_bits = module.weight_quantizer.precision
            activation_bits = module.activation.precision
        kind = (
            f"conv {module.kernel_size[0]}x{module.kernel_size[1]}"
            if isinstance(module, nn.Conv2d)
            else "linear"
        )
        yield LayerPrecision(
            name=name,
            kind=kind,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            num_weights=module.weight.numel(),
        )


@dataclass(frozen=True, kw_only=True)
class PrecisionRow:
    """Like layers of a part.

    Attributes:
        part, kind, weight_bits, activation_bits: Of `LayerPrecision`.
        num_layers: How many they are.
        num_weights: Of all of them together.
    """

    part: str
    kind: str
    weight_bits: int
    activation_bits: int
    num_layers: int
    num_weights: int


def precision_rows(model: nn.Module) -> list[PrecisionRow]:
    """The layers of `model`, like ones of a part together."""
    groups: dict[tuple[str, str, int, int], list[int]] = {}
    for layer in layer_precisions(model):
        key = (layer.part, layer.kind, layer.weight_bits, layer.activation_bits)
        groups.setdefault(key, []).append(layer.num_weights)
    return [
        PrecisionRow(
            part=part,
            kind=kind,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            num_layers=len(sizes),
            num_weights=sum(sizes),
        )
        for (part, kind, weight_bits, activation_bits), sizes in groups.items()
    ]


def binary_share(rows: Sequence[PrecisionRow]) -> tuple[int, int]:
    """Binary weights, and all of them."""
    return (
        sum(row.num_weights for row in rows if row.weight_bits == 1),
        sum(row.num_weights for row in rows),
    )


PRECISION_HEADERS = ("part", "kind", "weight bits", "activation bits", "layers", "weights")


def format_precision_map(model: nn.Module) -> str:
    """A table of the layers of `model`, like ones of a part together, and the binary share."""
    rows = precision_rows(model)
    binary, total = binary_share(rows)
    table = tabulate([astuple(row) for row in rows], headers=PRECISION_HEADERS)
    share = f"{100 * binary / total:.1f} %" if total else "none"
    return f"{table}\nbinary weights: {binary:,} of {total:,} ({share})"
