"""Precision map: bits of weights and activations, layer group by layer group."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass

from tabulate import tabulate
from torch import nn

from groupnet_det.layers import QuantizedConv2d

from .counting import LAYERS


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
        if isinstance(module, LAYERS):
            yield LayerPrecision(
                name=name,
                kind=kind_of(module),
                weight_bits=weight_bits(module),
                activation_bits=activation_bits(module),
                num_weights=module.weight.numel(),
            )


def kind_of(layer: nn.Module) -> str:
    """Such as ``conv 3x3``."""
    if isinstance(layer, nn.Linear):
        return "linear"
    height, width = layer.kernel_size  # type: ignore[misc]
    name = "transposed conv" if isinstance(layer, nn.ConvTranspose2d) else "conv"
    return f"{name} {height}x{width}"


def weight_bits(layer: nn.Module) -> int:
    """32 where they are not quantized."""
    return layer.weight_quantizer.precision if isinstance(layer, QuantizedConv2d) else 32


def activation_bits(layer: nn.Module) -> int:
    """32 where the input is not quantized."""
    return layer.activation.precision if isinstance(layer, QuantizedConv2d) else 32


def count_weights(model: nn.Module) -> tuple[int, int]:
    """Weights of one bit, and all weights of convolutions and linear layers."""
    layers = list(layer_precisions(model))
    binary = sum(layer.num_weights for layer in layers if layer.weight_bits == 1)
    return binary, sum(layer.num_weights for layer in layers)


@dataclass(frozen=True, kw_only=True)
class PrecisionRow:
    """Like layers of a part.

    Attributes:
        part, kind, weight_bits, activation_bits: See `LayerPrecision`.
        num_layers: How many they are.
        num_weights: Number of weights of all these layers.
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


PRECISION_HEADERS = ("part", "kind", "weight bits", "activation bits", "layers", "weights")


def format_precision_map(model: nn.Module) -> str:
    """A table of the layers of `model`, like ones of a part together, and the binary share."""
    rows = precision_rows(model)
    binary, total = count_weights(model)
    table = tabulate([astuple(row) for row in rows], headers=PRECISION_HEADERS)
    share = f"{100 * binary / total:.1f} %" if total else "none"
    return f"{table}\nbinary weights: {binary:,} of {total:,} ({share})"
