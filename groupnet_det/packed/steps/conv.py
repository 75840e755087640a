"""Branches of convolutions, and their join."""

import typing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.limits import MAX_GEOMETRY, in_range
from groupnet_det.packed.sign_bits import BITS

from .base_step import BaseStep
from .buffer_uses import BufferUser, Read
from .checks import Checks
from .parts import Map, Sinks
from .sizes import Shape, Sizes, checked, divided_up, out_size

ONE_PIXEL = 0  # a `Branch.residual_factor`
MAX_BRANCHES = 64
MAX_TERMS = 64
MAX_EXACT = 1 << 24  # whole numbers up to this are exact in float32
# What weights are held in, for each kind of input.
WEIGHTS = {"bits": torch.uint8, "float": torch.float32, "bytes": torch.int8}


@dataclass(frozen=True, kw_only=True)
class Term(BufferUser):
    """One convolution; of signs where `input` is a buffer of bits, of integers where of bytes."""

    input: Read
    weight: str
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    offset: str | None = None
    map: Map = field(default_factory=Map)

    def check(self, checks: Checks, what: str) -> int:
        """Its output channels."""
        checks.read(self.input, f"{what}.input")
        source = checks.buffers[self.input]
        dtype, packed = WEIGHTS[source.kind], BITS if source.kind == "bits" else 1
        weight = checks.tensor(self.weight, dtype, (None,) * 4, f"{what}.weight")
        channels = checks.weight(weight, f"{what}.weight")
        expected = -(-source.channels // packed)
        if weight.shape[3] != expected:
            checks.fail(
                f"{what}.weight has {weight.shape[3]} in its last size; expected: {expected}"
            )
        if weight[0].numel() * packed >= MAX_EXACT:
            checks.fail(f"{what}.weight sums more than 2^24 products")
        if source.kind == "bits":
            self._check_bits(checks, weight, source.channels, what)
        elif self.offset is not None:
            checks.fail(f"{what} has an offset, which is for inputs of bits")
        if source.kind == "bytes":
            checks.sums_of_bytes(self.weight, f"{what}.weight")
        checks.geometry(self.stride, f"{what}.stride")
        checks.geometry(self.padding, f"{what}.padding", least=0)
        checks.geometry(self.dilation, f"{what}.dilation")
        checks.map(self.map, channels, f"{what}.map")
        return channels

    def _check_bits(self, checks: Checks, weight: Tensor, channels: int, what: str) -> None:
        unused = (0xFF << ((channels - 1) % BITS + 1)) & 0xFF
        if (
            checks.seen.packed_inputs.get(self.weight) != channels
            and (weight[..., -1] & unused).any()
        ):
            checks.fail(f"{what}.weight has unused bits that are not 0")
        checks.seen.packed_inputs[self.weight] = channels
        products = weight.shape[1] * weight.shape[2] * channels
        offset = torch.tensor([products])
        if self.offset is not None:
            shape = (len(weight),)
            offset = checks.tensor(self.offset, torch.int32, shape, f"{what}.offset").long()
        if int(offset.max()) > MAX_EXACT or int(offset.min()) - 2 * products < -MAX_EXACT:
            checks.fail(f"{what} has sums beyond 2^24, which float32 does not hold exactly")

    def size(self, sizes: Sizes, name: str) -> Shape:
        """(N, H, W) of what it gives in the step `name`."""
        weight, source = sizes.weights[self.weight], sizes.shapes[self.input]
        sizes.need_border(self.input, self.padding)
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        sides = [
            out_size(size, kernel=kernel, **options)
            for size, kernel in zip(source[1:3], weight[1:3], strict=True)
        ]
        return checked((source[0], *sides, weight[0]), source[1:3], name)[:3]


@dataclass(frozen=True, kw_only=True)
class Branch(BufferUser):
    """``final(term_0 + term_1 + ... + residual)``.

    Attributes:
        residual_factor: Each value of the residual stands for that many rows and columns; with
            `ONE_PIXEL`, the residual is one pixel that stands for all.
    """

    terms: tuple[Term, ...]
    residual: Read | None = None
    residual_factor: int = 1
    final: Map = field(default_factory=Map)
    sinks: Sinks | None = None

    def check(self, checks: Checks, what: str) -> int:
        """Its channels."""
        in_range(len(self.terms), 1, MAX_TERMS, f"{checks.where}: the number of {what}.terms")
        channels = {term.check(checks, f"{what}.terms[{t}]") for t, term in enumerate(self.terms)}
        if self.residual is not None:
            checks.read(self.residual, f"{what}.residual", kind="float")
            channels.add(checks.buffers[self.residual].channels)
        elif self.residual_factor != 1:
            checks.fail(f"{what} has a residual_factor, and no residual")
        where = f"{checks.where}: {what}.residual_factor"
        in_range(self.residual_factor, ONE_PIXEL, MAX_GEOMETRY, where)
        if len(channels) > 1:
            checks.fail(f"{what} adds maps of {sorted(channels)} channels")
        (width,) = channels
        checks.map(self.final, width, f"{what}.final")
        return width

    def size(self, sizes: Sizes, name: str) -> Shape:
        """(N, H, W) of its value in the step `name`."""
        shape = _only({term.size(sizes, name) for term in self.terms}, name)
        if self.residual is not None:
            residual, factor = sizes.shapes[self.residual][:3], self.residual_factor
            expected = (shape[0], *(_residual_side(side, factor) for side in shape[1:]))
            if residual != expected:
                by = f", each {factor} times," if factor != 1 else ""
                raise PackedFileError(
                    f"step {name!r} adds maps of different sizes: {residual}{by} to {shape}"
                )
        return shape


@dataclass(frozen=True, kw_only=True)
class Join(BufferUser):
    """The meeting of branches: their merged value m, and the value that each goes on with."""

    scales: str | None = None
    alias: bool = False
    gate: str | None = None
    merged: Sinks | None = None
    branches: tuple[Sinks | None, ...] = ()

    def check(self, checks: Checks, branches: int) -> None:
        """Check the members for this number of branches."""
        if self.scales is not None:
            checks.tensor(self.scales, torch.float32, (branches,), "join.scales")
        if self.gate is not None:
            checks.tensor(self.gate, torch.float32, (2,), "join.gate")
        if len(self.branches) not in (0, branches):
            checks.fail(f"join.branches are {len(self.branches)}; expected: 0 or {branches}")


@dataclass(frozen=True, kw_only=True)
class Conv(BaseStep):
    """Branches of convolutions, and their join."""

    branches: tuple[Branch, ...]
    join: Join | None = None

    op: typing.ClassVar[str] = "conv"

    def sinks(self) -> Iterator[Sinks]:
        """All that is written."""
        of_join = (self.join.merged, *self.join.branches) if self.join else ()
        for sinks in (*(b.sinks for b in self.branches), *of_join):
            if sinks is not None:
                yield sinks

    def in_place(self) -> Iterator[tuple[int, int]]:
        """Floats of branches, and residuals that nothing else in the step reads."""
        uses = Counter(self.reads())
        after = self.join.branches if self.join else [branch.sinks for branch in self.branches]
        for branch, sinks in zip(self.branches, after, strict=False):  # a join may have none
            if sinks is None or sinks.float_ is None or branch.residual is None:
                continue
            if branch.residual_factor == 1 and uses[branch.residual] == 1:
                yield sinks.float_, branch.residual

    def check(self, checks: Checks) -> None:
        in_range(len(self.branches), 1, MAX_BRANCHES, f"{checks.where}: the number of branches")
        channels = {b.check(checks, f"branches[{k}]") for k, b in enumerate(self.branches)}
        if len(channels) > 1:
            checks.fail(f"branches give maps of {sorted(channels)} channels, not all the same")
        (width,) = channels
        if self.join:
            self.join.check(checks, len(self.branches))
        for sinks in self.sinks():
            checks.sinks(sinks, width)
        for k, branch in enumerate(self.branches):
            if (branch.sinks is not None) == (self.join is not None):
                checks.fail(f"branches[{k}] must have sinks where there is no join, and only there")
        self._check_overlaps(checks)

    def _check_overlaps(self, checks: Checks) -> None:
        """Nothing may be read by one part of a step after another part has written it."""
        of_all = set(self.writes())
        for k, branch in enumerate(self.branches):
            own = set(branch.writes())
            for t, term in enumerate(branch.terms):
                if term.input in of_all:
                    checks.fail(f"branches[{k}].terms[{t}] reads buffer {term.input}, written here")
            if not self.join and branch.residual in of_all - own:
                checks.fail(
                    f"branches[{k}] adds buffer {branch.residual}, which another one writes"
                )
            if branch.residual_factor != 1 and branch.residual in of_all:
                checks.fail(
                    f"branches[{k}] adds buffer {branch.residual}, written here, with a "
                    f"residual_factor of {branch.residual_factor}; in place it has to be 1"
                )

    def size(self, sizes: Sizes) -> Shape:
        return _only({branch.size(sizes, self.name) for branch in self.branches}, self.name)


def _only(shapes: set[Shape], name: str) -> Shape:
    if len(shapes) > 1:
        raise PackedFileError(f"step {name!r} adds maps of different sizes {sorted(shapes)}")
    return shapes.pop()


def _residual_side(side: int, factor: int) -> int:
    """Rows or columns of a residual, of which each stands for `factor`, or for all `ONE_PIXEL`."""
    return 1 if factor == ONE_PIXEL else divided_up(side, factor)
