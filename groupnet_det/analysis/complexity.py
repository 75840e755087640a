"""What a network costs: operations and bytes.

Convention. An operation is one multiply-accumulate (MAC) of a convolution or linear layer; BN,
nonlinearities and additions are not counted. Where weights and activations both have at most 8
bits, a MAC is ``w * a`` binary operations (BOPs: an XNOR and its share of a popcount), where w and
a are bits, or the signs whose sum stands for a value (ABC-Net). All other MACs are float
operations. A 64-bit word does 64 BOPs at once, so the two are summed as ``BOPs / 64 + MACs`` (Liu
et al., Bi-Real Net, arXiv 1808.00278). Bytes are those of a packed file: w bits for a quantized
weight, 32 for any other parameter or BN statistic; the scales of quantized weights are left out, as
they can be folded into the BN.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.layers import QuantizedConv2d

MAX_QUANTIZED_BITS = 8
WORD_BITS = 64


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """For one image.

    Attributes:
        binary_operations: BOPs.
        float_operations: MACs in full precision.
        num_bytes: Of a packed file.
    """

    binary_operations: int
    float_operations: int
    num_bytes: int

    @property
    def operations(self) -> float:
        """``BOPs / 64 + MACs``."""
        return self.binary_operations / WORD_BITS + self.float_operations


def count_complexity(model: nn.Module, run: Callable[[], Any]) -> Complexity:
    """Count what `run()`, one forward pass of `model` on one image, costs.

    Transposed convolutions, and convolutions outside of modules, are not seen.
    """
    with _counted_macs(model) as macs, torch.no_grad():
        run()
    binary = sum(count * _binary_factor(layer) for layer, count in macs.items())
    full = sum(count for layer, count in macs.items() if not _binary_factor(layer))
    bits = sum(tensor.numel() * bits for tensor, bits in _stored_tensors(model))
    return Complexity(
        binary_operations=binary, float_operations=full, num_bytes=math.ceil(bits / 8)
    )


@contextmanager
def _counted_macs(model: nn.Module) -> Iterator[dict[nn.Module, int]]:
    macs: dict[nn.Module, int] = {}

    def count(layer: Any, outputs: list[Tensor]) -> None:
        # Each output value is one dot product with the weights of its channel.
        per_value = layer.weight.numel() // len(layer.weight)
        macs[layer] = macs.get(layer, 0) + per_value * sum(y.numel() for y in outputs)

    def count_maps(layer: QuantizedConv2d) -> Callable[[list[Tensor]], list[Tensor]]:
        run = layer.forward_maps

        def counted(maps: list[Tensor]) -> list[Tensor]:
            outputs = run(maps)
            count(layer, outputs)
            return outputs

        return counted

    handles = []
    binary = [layer for layer in model.modules() if isinstance(layer, QuantizedConv2d)]
    try:
        for layer in binary:  # called by their method, which no hook of torch sees
            layer.forward_maps = count_maps(layer)  # type: ignore[assignment,method-assign]
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and not isinstance(
                module, QuantizedConv2d
            ):
                handles.append(module.register_forward_hook(lambda m, args, y: count(m, [y])))
        yield macs
    finally:
        for layer in binary:
            layer.__dict__.pop("forward_maps", None)
        for handle in handles:
            handle.remove()


def _binary_factor(layer: nn.Module) -> int:
    """BOPs for each MAC; 0 in full precision."""
    if not isinstance(layer, QuantizedConv2d):
        return 0
    weight, activation = layer.weight_quantizer, layer.activation
    if max(weight.precision, activation.precision) > MAX_QUANTIZED_BITS:
        return 0
    return weight.precision * weight.num_terms * activation.precision * activation.num_terms


def _stored_tensors(model: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Parameters and floating-point buffers with their bits."""
    quantized = {
        id(layer.weight): layer.weight_quantizer.precision * layer.weight_quantizer.num_terms
        for layer in model.modules()
        if isinstance(layer, QuantizedConv2d)
    }
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            yield tensor, min(quantized.get(id(tensor), 32), 32)
