"""Watches the layers of a network while it runs: multiply-accumulates and output values of each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from groupnet_det.layers import QuantizedConv2d

# What multiplies weights with values; everything else is not counted.
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@dataclass
class SeenLayers:
    """The work of one layer in a forward pass.

    Attributes:
        macs: Multiply-accumulates.
        values: Number of values of its outputs.
        shape: Shape of its first output, without the dimension of images or regions.
    """

    macs: int = 0
    values: int = 0
    shape: tuple[int, ...] = ()

    def add(self, layer: Any, given: Tensor, output: Tensor) -> None:
        """Note one call."""
        # Each output value is one dot product with the weights of its channel; each value that a
        # transposed convolution is given is multiplied with all weights of its channel.
        ends = given if isinstance(layer, nn.ConvTranspose2d) else output
        self.macs += layer.weight.numel() // len(layer.weight) * ends.numel()
        self.values += output.numel()
        self.shape = self.shape or tuple(output.shape[1:])


@contextmanager
def watched_layers(model: nn.Module) -> Iterator[dict[nn.Module, SeenLayers]]:
    """Record the layers of `LAYERS` that run within the context; functions are not seen."""
    seen: dict[nn.Module, SeenLayers] = {}

    def watch_maps(layer: QuantizedConv2d) -> Callable[[list[Tensor]], list[Tensor]]:
        # Without values nothing can be quantized, as some quantizers look at them.
        run = _plain_maps(layer) if layer.weight.is_meta else layer.forward_maps

        def watched(maps: list[Tensor]) -> list[Tensor]:
            outputs = run(maps)
            for x, y in zip(maps, outputs, strict=True):
                seen.setdefault(layer, SeenLayers()).add(layer, x, y)
            return outputs

        return watched

    def watch(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        seen.setdefault(layer, SeenLayers()).add(layer, arguments[0], output)

    handles = []
    quantized = [layer for layer in model.modules() if isinstance(layer, QuantizedConv2d)]
    try:
        for layer in quantized:  # called by their method, which no hook of torch sees
            layer.forward_maps = watch_maps(layer)  # type: ignore[assignment,method-assign]
        for module in model.modules():
            if isinstance(module, LAYERS) and not isinstance(module, QuantizedConv2d):
                handles.append(module.register_forward_hook(watch))
        yield seen
    finally:
        for layer in quantized:
            layer.__dict__.pop("forward_maps", None)
        for handle in handles:
            handle.remove()


def _plain_maps(layer: nn.Conv2d) -> Callable[[list[Tensor]], list[Tensor]]:
    return lambda maps: [nn.Conv2d.forward(layer, x) for x in maps]
