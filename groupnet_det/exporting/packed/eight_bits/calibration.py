"""Calibration: the scales of the bytes that layers with 8 bits read, from sample images."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from groupnet_det.errors import ConfigError
from groupnet_det.layers import QuantizedConv2d
from groupnet_det.packed.info import ByteRange

MAX_SAMPLES = 1 << 16  # of a map
CLIPPINGS = torch.linspace(0.3, 1.0, 36).tolist()  # shares of the range
MAX_BYTE = 255

# What a network is called with; and whether a layer, by its name, is calibrated.
Batches = Iterable[list[dict[str, Any]]]
Wanted = Callable[[str, nn.Module], bool]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A layer by its path, and which of the maps that it sees in one run: of most the level."""

    name: str
    level: int


@torch.no_grad()
def calibrate(model: nn.Module, batches: Batches) -> dict[Site, ByteRange]:
    """Run a network and find the ranges of what its float layers after the backbone read.

    Args:
        model: In eval mode.
        batches: What the network is called with, such as ``[{"image": uint8 (3, H, W)}]``.

    Raises:
        ConfigError: There are no images.
    """
    samples = _samples(model, batches, _is_after_backbone, "--predictors")
    return {site: find_range(torch.cat(found)) for site, found in samples.items()}


@torch.no_grad()
def calibrate_convs(model: nn.Module, batches: Batches) -> dict[str, ByteRange]:
    """The same for all convolutions in full precision, by name: one range for all maps that a layer
    sees.

    Args:
        model, batches: See `calibrate`.

    Raises:
        ConfigError: There are no images.
    """
    pooled: dict[str, list[Tensor]] = {}
    for site, found in _samples(model, batches, _is_float_conv, "--float-convs").items():
        pooled.setdefault(site.name, []).extend(found)
    return {name: find_range(torch.cat(found)) for name, found in pooled.items()}


def _is_after_backbone(name: str, module: nn.Module) -> bool:
    is_ours = isinstance(module, QuantizedConv2d)
    is_float = isinstance(module, nn.Conv2d | nn.Linear) and not is_ours
    return is_float and not name.startswith("backbone.")


def _is_float_conv(_: str, module: nn.Module) -> bool:
    if isinstance(module, QuantizedConv2d):
        return module.is_float
    return isinstance(module, nn.Conv2d)


def _samples(
    model: nn.Module, batches: Batches, wanted: Wanted, flag: str
) -> dict[Site, list[Tensor]]:
    samples: dict[Site, list[Tensor]] = {}
    number = 0
    for batch in batches:
        with _watched(model, samples, wanted):
            model(batch)
        number += 1
    if not number:
        raise ConfigError(f"{flag} int8 needs sample images, and there are none")
    return samples


def find_range(values: Tensor) -> ByteRange:
    """The range whose rounding and clipping have the least mean square error.

    Args:
        values: float32 (n,); 0 always has a byte of its own, as it is what lies outside.
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return ByteRange(scale=1.0, zero=0)
    ranges = [_range(share * low, share * high) for share in CLIPPINGS]
    errors = [float((_rounded(values, r) - values).square().mean()) for r in ranges]
    return ranges[errors.index(min(errors))]


def _range(low: float, high: float) -> ByteRange:
    scale = float(torch.tensor(MAX_BYTE / (high - low), dtype=torch.float32))
    return ByteRange(scale=scale, zero=min(MAX_BYTE, max(0, round(-low * scale))))


def _rounded(values: Tensor, of: ByteRange) -> Tensor:
    return ((values * of.scale).round() + of.zero).clamp(0, MAX_BYTE).sub(of.zero) / of.scale


def input_of(layer: nn.Module) -> nn.Module:
    """The module whose calls show what a layer multiplies."""
    return layer.activation if isinstance(layer, QuantizedConv2d) else layer


@contextmanager
def _watched(model: nn.Module, samples: dict[Site, list[Tensor]], wanted: Wanted) -> Iterator[None]:
    """While it lasts, a run of `model` adds to `samples`."""
    calls: dict[str, int] = {}

    def note(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].flatten()
        site = Site(name=name, level=calls.get(name, 0))
        calls[name] = site.level + 1
        if len(values):  # there may be no regions
            step = -(-len(values) // MAX_SAMPLES)
            samples.setdefault(site, []).append(values[::step].clone())

    handles = [
        input_of(module).register_forward_pre_hook(partial(note, name))
        for name, module in model.named_modules()
        if wanted(name, module)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
