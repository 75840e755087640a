"""Steps that take what a program is given: the image, or the map of a part."""

import typing
from dataclasses import dataclass, field

import torch

from .base_step import BaseStep
from .checks import Checks
from .parts import Map, Pool, Sinks
from .sizes import Shape, Sizes, checked, out_size, pooled


@dataclass(frozen=True, kw_only=True)
class Stem(BaseStep):
    """Convolution of the image in integers, pooling, map."""

    weight: str
    stride: int
    padding: int
    pool: Pool | None = None
    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "stem"

    def check(self, checks: Checks) -> None:
        if checks.is_part:
            checks.fail("a part has no image, and no stem")
        weight = checks.tensor(self.weight, torch.int16, (None, None, None, None), "weight")
        channels = checks.weight(weight, "weight")
        if weight.shape[3] != checks.input_channels + 1:
            checks.fail(
                f"weight has {weight.shape[3]} input channels; expected are those of the image and "
                f"one more, {checks.input_channels + 1}"
            )
        checks.sums_of_bytes(self.weight, "weight")
        checks.geometry(self.stride, "stride")
        checks.geometry(self.padding, "padding", least=0)
        if self.pool:
            checks.pool(self.pool)
        checks.map(self.map, channels, "map")
        checks.sinks(self.sinks, channels)

    def size(self, sizes: Sizes) -> Shape:
        sizes.check_canvas(f"the canvas of step {self.name!r} with its border", border=self.padding)
        weight = sizes.weights[self.weight]
        sides = [
            out_size(size, kernel=kernel, stride=self.stride, padding=self.padding)
            for size, kernel in zip(sizes.given[1:3], weight[1:3], strict=True)
        ]
        shape = checked((sizes.given[0], *sides, weight[0]), sizes.given[1:3], self.name)
        return pooled(shape, self.pool, self.name) if self.pool else shape[:3]


@dataclass(frozen=True, kw_only=True)
class Input(BaseStep):
    """The map that the program is given, in a part that has no image."""

    map: Map = field(default_factory=Map)
    sinks: Sinks

    op: typing.ClassVar[str] = "input"

    def check(self, checks: Checks) -> None:
        if not checks.is_part:
            checks.fail("input is for parts; the program runs on images")
        checks.map(self.map, checks.input_channels, "map")
        checks.sinks(self.sinks, checks.input_channels)

    def size(self, sizes: Sizes) -> Shape:
        return sizes.given[:3]
