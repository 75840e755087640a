"""A packed program in plain PyTorch: slow, and the same bits as every compiled engine.

docs/packed-format.md says what each step computes, with all roundings. Nothing here may be
contracted or reordered: products and sums of floats are separate operations of torch, and
`exact_fma.fma` stands where one rounding is asked for. Sums of integers are exact in any order.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .exact_fma import fma
from .packed_file import PackedFile
from .program import Branch, Conv, Join, Map, Mean, Sinks, Stem, Term
from .shapes import buffer_shapes, check_images
from .sign_bits import unpack_bits

# Elements that a convolution of floats works on at a time: they stay in the cache, and torch takes
# one thread for them, as more only wait for each other.
CHUNK = 1 << 14

# What happens after a step: its number, the number of a buffer that it wrote, and the content.
Observer = Callable[[int, int, Tensor], None]


def run_reference(packed: PackedFile, images: Tensor) -> dict[str, Tensor]:
    """Run a network.

    Args:
        packed: From `read_packed`.
        images: uint8 (N, H, W, C).

    Returns:
        The outputs by name, each float32 (N, H, W, C).

    Raises:
        DataError: `images` have a wrong type or shape, are too small or too large.
        PackedFileError: The program does not work with images of this size.
    """
    buffers = _run(packed, images, lambda *_: None)
    return {name: buffers[number] for name, number in packed.program.outputs.items()}


def trace_reference(
    packed: PackedFile, images: Tensor
) -> tuple[list[int], list[int], list[Tensor]]:
    """`run_reference`, showing each buffer that is written, as the compiled ``trace`` does.

    Returns:
        For each, in order: the number of the step, the number of the buffer, its content after that
        step, float32 (N, H, W, C), or for bits uint8 of 0 and 1. Within a step the order is that of
        `Conv.sinks` and `Sinks.buffers`.
    """
    steps: list[int] = []
    numbers: list[int] = []
    contents: list[Tensor] = []

    def observe(step: int, number: int, content: Tensor) -> None:
        steps.append(step)
        numbers.append(number)
        contents.append(content)

    _run(packed, images, observe)
    return steps, numbers, contents


@torch.no_grad()
def _run(packed: PackedFile, images: Tensor, observe: Observer) -> dict[int, Tensor]:
    check_images(images, packed.program.input_channels)
    buffer_shapes(packed.program, packed.tensors, tuple(images.shape))  # for its errors
    run = _Run(packed, images)
    for index, step in enumerate(packed.program.steps):
        if isinstance(step, Stem):
            written = list(run.stem(step))
        elif isinstance(step, Conv):
            written = list(run.conv(step))
        else:
            written = list(run.mean(step))
        # All of a step is read before anything is written.
        for number, content in written:
            run.buffers[number] = content
            observe(index, number, content)
    return run.buffers


class _Run:
    def __init__(self, packed: PackedFile, images: Tensor) -> None:
        self.program, self.tensors = packed.program, packed.tensors
        self.images = images
        self.buffers: dict[int, Tensor] = {}

    def stem(self, step: Stem) -> Iterator[tuple[int, Tensor]]:
        weight = self.tensors[step.weight]
        image = F.pad(self.images.to(torch.float64), (0, 1), value=255)  # the channel that counts
        x = _padded(image, step.padding, 0.0)
        total = _sum_of_products(x, weight.to(torch.float64), step.stride, 1)
        if step.pool:
            pooled = _padded(total, step.pool.padding, -torch.inf).permute(0, 3, 1, 2)
            total = F.max_pool2d(pooled, step.pool.kernel, step.pool.stride).permute(0, 2, 3, 1)
        yield from self.sink(self.map(total.to(torch.float32), step.map), step.sinks)

    def conv(self, step: Conv) -> Iterator[tuple[int, Tensor]]:
        values = [self.branch(branch) for branch in step.branches]
        for value, branch in zip(values, step.branches, strict=True):
            yield from self.sink(value, branch.sinks)
        if step.join:
            yield from self.join(values, step.join)

    def mean(self, step: Mean) -> Iterator[tuple[int, Tensor]]:
        x = self.buffers[step.input]
        total = torch.zeros_like(x[:, 0, 0])
        for pixel in x.flatten(1, 2).unbind(1):
            total = total + pixel
        share = torch.tensor(1 / (x.shape[1] * x.shape[2]), dtype=torch.float32)
        yield step.output, (total * share)[:, None, None]

    def branch(self, branch: Branch) -> Tensor:
        values = [self.term(term) for term in branch.terms]
        if branch.residual is not None:
            values.append(self.buffers[branch.residual])
        return self.map(_added(values), branch.final)

    def term(self, term: Term) -> Tensor:
        buffer, x = self.program.buffers[term.input], self.buffers[term.input]
        weight = self.tensors[term.weight]
        if buffer.kind == "float":
            x = _padded(x, term.padding, buffer.pad)
            return self.map(_sum_of_fma(x, weight, term.stride, term.dilation), term.map)
        x = _padded(_signs(x), term.padding, 1 - 2 * buffer.pad)
        signs = _signs(unpack_bits(weight, buffer.channels))
        total = _sum_of_products(x, signs, term.stride, term.dilation)
        if term.offset is not None:
            # n - 2 m is there already; all are whole numbers of at most 2^24, hence exact.
            total += (self.tensors[term.offset] - signs[0].numel()).to(torch.float32)
        return self.map(total, term.map)

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

    def map(self, v: Tensor, of: Map) -> Tensor:
        if of.scale1 is not None:
            v = v * self.tensors[of.scale1]
        if of.shift1 is not None:
            v = v + self.tensors[of.shift1]
        if of.act == "relu":
            v = torch.where(v > 0, v, 0.0)
        elif of.act == "prelu":
            v = torch.where(v > 0, v, v * self.tensors[str(of.slope)])
        if of.scale2 is not None:
            v = v * self.tensors[of.scale2]
        if of.shift2 is not None:
            v = v + self.tensors[of.shift2]
        return v

    def sink(self, v: Tensor, sinks: Sinks | None) -> Iterator[tuple[int, Tensor]]:
        if sinks is None:
            return
        if sinks.float_ is not None:
            yield sinks.float_, v.contiguous()
        for bits in sinks.bits:
            bit = v >= (0.0 if bits.threshold is None else self.tensors[bits.threshold])
            inverted = False if bits.invert is None else self.tensors[bits.invert].to(torch.bool)
            yield bits.buffer, (bit == inverted).to(torch.uint8).contiguous()
        for levels in sinks.levels:
            thresholds = self.tensors[levels.thresholds]
            number = sum((v >= row).to(torch.int64) for row in thresholds)
            values = self.tensors[levels.values]
            channel = torch.arange(values.shape[1])
            yield levels.buffer, values[number, channel]


def _added(values: Sequence[Tensor]) -> Tensor:
    """From left to right."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _signs(bits: Tensor) -> Tensor:
    return bits.to(torch.float32).mul_(-2).add_(1)


def _padded(x: Tensor, padding: int, value: float) -> Tensor:
    return F.pad(x, (0, 0, padding, padding, padding, padding), value=value) if padding else x


def _positions(
    x: Tensor, weight: Tensor, stride: int, dilation: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each row and column of the kernel: what it reads (N, H, W, C_in), (C_out, C_in)."""
    height, width = (
        x.shape[i] - dilation * (weight.shape[i] - 1) for i in (1, 2)
    )  # of the corners that the kernel's first position may have
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            top, left = row * dilation, column * dilation
            part = x[:, top : top + height : stride, left : left + width : stride]
            yield part, weight[:, row, column]


def _sum_of_products(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Convolution of whole numbers whose partial sums are exact, so that their order is free."""
    total = torch.zeros(())
    for part, row in _positions(x, weight, stride, dilation):
        product = part.reshape(-1, part.shape[3]) @ row.T
        total = product.view(*part.shape[:3], -1).add_(total)
    return total


def _sum_of_fma(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Convolution of floats, over rows, columns and channels in this order."""
    return torch.stack([_sum_of_fma_of_one(one[None], weight, stride, dilation) for one in x])


def _sum_of_fma_of_one(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """(1, H, W, C_in) -> (H, W, C_out)."""
    read = list(_positions(x, weight, stride, dilation))
    height, width = read[0][0].shape[1:3]
    parts = [(part.reshape(height * width, -1), row.T) for part, row in read]
    at_once = max(1, CHUNK // len(weight))
    sums = []
    for start in range(0, height * width, at_once):
        total = torch.zeros(())
        for part, rows in parts:
            pixels = part[start : start + at_once, :, None]
            for pixel, row in zip(pixels.unbind(1), rows, strict=True):
                total = fma(pixel, row, total)
        sums.append(total)
    return torch.cat(sums).view(height, width, -1)
