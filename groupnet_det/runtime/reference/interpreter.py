"""A packed program in plain PyTorch: slow, and the same bits as every compiled engine.

docs/reference/packed-format.md says what each step computes, with all roundings. Nothing here may
be contracted or reordered: products and sums of floats are separate operations of torch, and
`exact_fma.fma` stands where one rounding is asked for. Sums of integers are exact in any order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from groupnet_det.errors import PackedFileError
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.program import Program, Step
from groupnet_det.packed.shapes import buffer_shapes, canvas_size, check_images, check_maps
from groupnet_det.packed.sign_bits import unpack_bits
from groupnet_det.packed.steps.conv import Branch, Conv, Join, Term
from groupnet_det.packed.steps.float_maps import FloatStep
from groupnet_det.packed.steps.input_steps import Input, Stem
from groupnet_det.packed.steps.parts import Sinks
from groupnet_det.packed.value_maps import apply_map, sink_bits, sink_bytes, sink_levels

from .layouts import FLOAT_STEPS, nearest
from .sums import padded, sum_of_fma, sum_of_products

# What happens after a step: its number, the number of a buffer that it wrote, and the content.
Observer = Callable[[int, int, Tensor], None]
# Numbers of steps, numbers of buffers, contents.
Trace = tuple[list[int], list[int], list[Tensor]]


def run_reference(packed: PackedFile, images: Tensor) -> dict[str, Tensor]:
    """Run a network.

    Args:
        packed: A file that `read_packed` read.
        images: uint8 (N, H, W, C).

    Returns:
        The outputs by name, each float32 (N, H, W, C).

    Raises:
        DataError: `images` have a wrong type or shape, are too small or too large.
        PackedFileError: The program does not work with images of this size.
    """
    check_images(images, packed.program.input_channels)
    return _outputs(packed, packed.program, images)


def run_reference_part(packed: PackedFile, name: str, maps: Tensor) -> dict[str, Tensor]:
    """Run a part of a network.

    Args:
        packed: A file that `read_packed` read.
        name: Name of the part.
        maps: float32 (N, H, W, C); at least one.

    Returns:
        The part's outputs by name, each float32 (N, H, W, C).

    Raises:
        DataError: `maps` have a wrong type or shape, are too small or too large.
        PackedFileError: There is no such part, or it does not work with maps of this size.
    """
    part = _part(packed, name, maps)
    return _outputs(packed, part, maps)


def trace_reference(packed: PackedFile, images: Tensor) -> Trace:
    """`run_reference`, showing each buffer that is written, as the compiled ``trace`` does.

    Returns:
        For each, in order: the number of the step, the number of the buffer, its content after that
        step, float32 (N, H, W, C), for bytes uint8, or for bits uint8 of 0 and 1. Within a step the
        order is that of the step's `writes`.
    """
    check_images(images, packed.program.input_channels)
    return _trace(packed, packed.program, images)


def trace_reference_part(packed: PackedFile, name: str, maps: Tensor) -> Trace:
    """`run_reference_part`, as `trace_reference`."""
    part = _part(packed, name, maps)
    return _trace(packed, part, maps)


def _part(packed: PackedFile, name: str, maps: Tensor) -> Program:
    parts = packed.program.parts
    if name not in parts:
        raise PackedFileError(f"the packed file has no part {name!r}; it has: {sorted(parts)}")
    check_maps(maps, parts[name].input_channels)
    return parts[name]


def _outputs(packed: PackedFile, program: Program, given: Tensor) -> dict[str, Tensor]:
    buffers = _run(packed, program, given, lambda *_: None)
    return {name: buffers[number] for name, number in program.outputs.items()}


def _trace(packed: PackedFile, program: Program, given: Tensor) -> Trace:
    steps: list[int] = []
    numbers: list[int] = []
    contents: list[Tensor] = []

    def observe(step: int, number: int, content: Tensor) -> None:
        steps.append(step)
        numbers.append(number)
        contents.append(content)

    _run(packed, program, given, observe)
    return steps, numbers, contents


@torch.no_grad()
def _run(
    packed: PackedFile, program: Program, given: Tensor, observe: Observer
) -> dict[int, Tensor]:
    buffer_shapes(program, packed.tensors, tuple(given.shape))  # for its errors
    run = _Run(program, packed.tensors, given)
    for index, step in enumerate(program.steps):
        # All of a step is read before anything is written.
        for number, content in list(run.step(step)):
            run.buffers[number] = content
            observe(index, number, content)
    return run.buffers


class _Run:
    """One run; there is a method for each op that `FLOAT_STEPS` lacks, which gives what it
    writes."""

    def __init__(self, program: Program, tensors: Mapping[str, Tensor], given: Tensor) -> None:
        self.program, self.tensors, self.given = program, tensors, given
        self.canvas = canvas_size(tuple(given.shape), program.size_divisor)
        self.buffers: dict[int, Tensor] = {}

    def step(self, step: Step) -> Iterator[tuple[int, Tensor]]:
        if isinstance(step, FloatStep):
            yield step.output, FLOAT_STEPS[type(step)](step, self)
        else:
            yield from getattr(self, step.op)(step)

    def stem(self, step: Stem) -> Iterator[tuple[int, Tensor]]:
        weight = self.tensors[step.weight]
        image = F.pad(self.given.to(torch.float64), (0, 1), value=255)  # the channel that counts
        below, right = (self.canvas[i] - image.shape[i + 1] for i in (0, 1))
        x = padded(F.pad(image, (0, 0, 0, right, 0, below)), step.padding, 0.0)
        total = sum_of_products(x, weight.to(torch.float64), step.stride, 1)
        if step.pool:
            pooled = padded(total, step.pool.padding, -torch.inf).permute(0, 3, 1, 2)
            total = F.max_pool2d(pooled, step.pool.kernel, step.pool.stride).permute(0, 2, 3, 1)
        yield from self.sink(apply_map(total.to(torch.float32), step.map, self.tensors), step.sinks)

    def input(self, step: Input) -> Iterator[tuple[int, Tensor]]:
        yield from self.sink(apply_map(self.given, step.map, self.tensors), step.sinks)

    def conv(self, step: Conv) -> Iterator[tuple[int, Tensor]]:
        values = [self.branch(branch) for branch in step.branches]
        for value, branch in zip(values, step.branches, strict=True):
            yield from self.sink(value, branch.sinks)
        if step.join:
            yield from self.join(values, step.join)

    def branch(self, branch: Branch) -> Tensor:
        values = [self.term(term) for term in branch.terms]
        if branch.residual is not None:
            sides = values[0].shape[1:3]
            values.append(nearest(self.buffers[branch.residual], branch.residual_factor, *sides))
        return apply_map(_added(values), branch.final, self.tensors)

    def term(self, term: Term) -> Tensor:
        kind = self.program.buffers[term.input].kind
        return apply_map(getattr(self, f"sum_of_{kind}")(term), term.map, self.tensors)

    def sum_of_float(self, term: Term) -> Tensor:
        x = padded(self.buffers[term.input], term.padding, self.program.buffers[term.input].pad)
        return sum_of_fma(x, self.tensors[term.weight], term.stride, term.dilation)

    def sum_of_bits(self, term: Term) -> Tensor:
        buffer = self.program.buffers[term.input]
        x = padded(_signs(self.buffers[term.input]), term.padding, 1 - 2 * buffer.pad)
        signs = _signs(unpack_bits(self.tensors[term.weight], buffer.channels))
        total = sum_of_products(x, signs, term.stride, term.dilation)
        if term.offset is not None:
            # n - 2 m is there already; all are whole numbers of at most 2^24, hence exact.
            total += (self.tensors[term.offset] - signs[0].numel()).to(torch.float32)
        return total

    def sum_of_bytes(self, term: Term) -> Tensor:
        zero = self.program.buffers[term.input].pad
        x = padded(self.buffers[term.input].to(torch.float64) - zero, term.padding, 0.0)
        weight = self.tensors[term.weight].to(torch.float64)
        return sum_of_products(x, weight, term.stride, term.dilation).to(torch.float32)

    def join(self, values: list[Tensor], join: Join) -> Iterator[tuple[int, Tensor]]:
        merged = self.merge(values, join)
        if join.alias:
            values = [_added(values), *values[1:]]
        if join.gate is not None:
            own, common = self.tensors[join.gate]
            values = [value * own + merged * common for value in values]
        yield from self.sink(merged, join.merged)
        for value, sinks in zip(values, join.branches or [None] * len(values), strict=True):
            yield from self.sink(value, sinks)

    def merge(self, values: list[Tensor], join: Join) -> Tensor:
        if join.scales is None:
            return _added(values) * torch.tensor(1 / len(values), dtype=torch.float32)
        scales = self.tensors[join.scales]
        return _added([value * scale for value, scale in zip(values, scales, strict=True)])

    def sink(self, v: Tensor, sinks: Sinks | None) -> Iterator[tuple[int, Tensor]]:
        if sinks is None:
            return
        if sinks.float_ is not None:
            yield sinks.float_, v.contiguous()
        for bits in sinks.bits:
            written = sink_bits(v, bits, self.tensors)
            yield bits.buffer, written.to(torch.uint8).contiguous()
        for levels in sinks.levels:
            yield levels.buffer, sink_levels(v, levels, self.tensors)
        for of_bytes in sinks.bytes:
            yield of_bytes.buffer, sink_bytes(v, of_bytes)


def _added(values: Sequence[Tensor]) -> Tensor:
    """Add from left to right."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _signs(bits: Tensor) -> Tensor:
    return bits.to(torch.float32).mul_(-2).add_(1)
