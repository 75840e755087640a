"""Steps from one float buffer to another one."""

import typing
from dataclasses import dataclass

from groupnet_det.errors import PackedFileError

from .base_step import BaseStep
from .buffer_uses import Read, Written
from .checks import Checks
from .parts import Pool
from .sizes import Shape, Sizes, checked, pooled


@dataclass(frozen=True, kw_only=True)
class FloatStep(BaseStep):
    """A step from one float buffer to another one."""

    input: Read
    output: Written

    def block_size(self) -> int:
        """Rows and columns of the output for which the channels of one pixel of the input stand:
        it has that number squared times as many."""
        return 1

    def check(self, checks: Checks) -> None:
        checks.read(self.input, "input", kind="float")
        checks.buffer(self.output, "output", kind="float")
        source, target = (checks.buffers[b].channels for b in (self.input, self.output))
        factor = self.block_size()
        if target * factor**2 != source:
            times = f", which are {factor} x {factor} times too many" if factor > 1 else ""
            checks.fail(f"output has other channels than the {source} of the input{times}")
        if self.input == self.output:
            checks.fail("input and output are one buffer")


@dataclass(frozen=True, kw_only=True)
class Mean(FloatStep):
    """Average over all pixels."""

    op: typing.ClassVar[str] = "mean"

    def size(self, sizes: Sizes) -> Shape:
        return (sizes.given[0], 1, 1)


@dataclass(frozen=True, kw_only=True)
class Upsampling(FloatStep):
    """Bilinear upsampling by `factor`, to the size of the buffer `like`, or of the image."""

    factor: int
    like: Read | None = None

    def check(self, checks: Checks) -> None:
        if self.like is None and checks.is_part:
            checks.fail("like is missing; in a part there is no image whose size could be taken")
        if self.like is not None:
            checks.read(self.like, "like")
            if self.like == self.output:
                checks.fail("like and output are one buffer")
        checks.geometry(self.factor, "factor")
        super().check(checks)

    def size(self, sizes: Sizes) -> Shape:
        source = sizes.shapes[self.input]
        target = sizes.given if self.like is None else sizes.shapes[self.like]
        if any(target[i] > self.factor * source[i] for i in (1, 2)):
            raise PackedFileError(
                f"step {self.name!r} resizes {source[1]} x {source[2]} pixels to {target[1]} x "
                f"{target[2]}, more than {self.factor} times as many in a row or column"
            )
        return checked((source[0], *target[1:3], source[3]), source[1:3], self.name)[:3]


@dataclass(frozen=True, kw_only=True)
class Resize(Upsampling):
    """Upsampling; the first value of the input stands at the first one of the output."""

    op: typing.ClassVar[str] = "resize"


@dataclass(frozen=True, kw_only=True)
class Interpolate(Upsampling):
    """Upsampling; each value of the input stands at the centre of `factor` x `factor` ones of the
    output."""

    op: typing.ClassVar[str] = "interpolate"


@dataclass(frozen=True, kw_only=True)
class MaxPool(FloatStep):
    """Max-pooling of a float buffer; what lies outside is ignored."""

    pool: Pool

    op: typing.ClassVar[str] = "max_pool"

    def check(self, checks: Checks) -> None:
        checks.pool(self.pool)
        super().check(checks)

    def size(self, sizes: Sizes) -> Shape:
        return pooled(sizes.shapes[self.input], self.pool, self.name)


@dataclass(frozen=True, kw_only=True)
class DepthToSpace(FloatStep):
    """`factor` x `factor` groups of channels, laid out as so many pixels."""

    factor: int

    op: typing.ClassVar[str] = "depth_to_space"

    def block_size(self) -> int:
        return self.factor

    def check(self, checks: Checks) -> None:
        checks.geometry(self.factor, "factor")
        super().check(checks)

    def size(self, sizes: Sizes) -> Shape:
        images, height, width, channels = sizes.shapes[self.input]
        sides = (self.factor * height, self.factor * width)
        shape = (images, *sides, channels // self.factor**2)
        return checked(shape, (height, width), self.name)[:3]


AnyFloatStep = Mean | Resize | Interpolate | MaxPool | DepthToSpace
