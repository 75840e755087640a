"""Checks of a program: all that an engine takes for granted when it reads and writes memory.

docs/packed-format.md lists the limits. What depends on the images' size is checked in `shapes`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError, shortened
from groupnet_det.packed.program import (
    BUFFER_KINDS,
    Buffer,
    DepthToSpace,
    Input,
    MaxPool,
    Mean,
    OneToOne,
    Program,
    Stem,
    Step,
    Upsampling,
)

from .conv_checks import ConvChecks
from .part_checks import MAX_CHANNELS, MAX_GEOMETRY, MAX_PIXEL, Seen, in_range, is_float32

MAX_STEPS = 4096
MAX_BUFFERS = 16384
MAX_PARTS = 64
NAME = 80  # characters of a name that a message repeats


def validate(program: Program, tensors: Mapping[str, Tensor]) -> None:
    """Check that a program and its parts fit themselves, the limits and their tensors.

    Args:
        program: As read, or as made.
        tensors: By name, on the CPU.

    Raises:
        PackedFileError: It does not; the message names the part, the step and the member.
    """
    seen = Seen(tensors)
    in_range(program.size_divisor, 1, MAX_GEOMETRY, "size_divisor")
    in_range(len(program.parts), 0, MAX_PARTS, "the number of parts")
    _validate_one(_Validator(program, seen), "")
    for name, part in program.parts.items():
        where = f"part {name[:NAME]!r}: "
        if part.parts:
            raise PackedFileError(f"{where}it has parts, which only the whole program can have")
        if part.size_divisor != 1:
            raise PackedFileError(f"{where}it has a size_divisor, which is for images")
        _validate_one(_PartValidator(part, seen), where)
    unnamed = sorted(set(tensors) - seen.named)
    if unnamed:
        raise PackedFileError(f"no step names the tensors {unnamed[:5]}")


def _validate_one(check: "_Validator", where: str) -> None:
    program = check.program
    in_range(program.input_channels, 1, MAX_CHANNELS, f"{where}input_channels")
    in_range(len(program.buffers), 1, MAX_BUFFERS, f"{where}the number of buffers")
    in_range(len(program.steps), 1, MAX_STEPS, f"{where}the number of steps")
    for number, buffer in enumerate(program.buffers):
        _check_buffer(buffer, f"{where}buffer {number}")
    for number, step in enumerate(program.steps):
        check.where = f"{where}step {number} ({step.name[:NAME]!r})"
        check.step(number, step)
    check.where = f"{where}outputs"
    check.outputs()


def _check_buffer(buffer: Buffer, where: str) -> None:
    if buffer.kind not in BUFFER_KINDS:
        raise PackedFileError(f"{where} is of kind {shortened(buffer.kind)}; valid: {BUFFER_KINDS}")
    in_range(buffer.channels, 1, MAX_CHANNELS, f"{where}: channels")
    if buffer.kind == "bits" and buffer.pad not in (0, 1):
        raise PackedFileError(f"{where} of bits has the pad {buffer.pad}; valid: 0, 1")
    if buffer.kind == "bytes" and buffer.pad not in range(MAX_PIXEL + 1):
        raise PackedFileError(f"{where} of bytes has the pad {buffer.pad}; valid: 0 to {MAX_PIXEL}")
    if not is_float32(buffer.pad):
        raise PackedFileError(f"{where} has the pad {buffer.pad}, which is no number of float32")


class _Validator(ConvChecks):
    """Goes through the steps of the whole program."""

    def step(self, number: int, step: Step) -> None:
        getattr(self, step.op)(step)
        self.write(step.writes())

    def outputs(self) -> None:
        if not self.program.outputs:
            self.fail("there is none")
        for name, buffer in self.program.outputs.items():
            self.read(buffer, f"{name[:NAME]!r}", kind="float")

    def stem(self, step: Stem) -> None:
        weight = self.tensor(step.weight, torch.int16, (None, None, None, None), "weight")
        channels = self.weight(weight, "weight")
        if weight.shape[3] != self.program.input_channels + 1:
            self.fail(
                f"weight has {weight.shape[3]} input channels; expected are those of the image and "
                f"one more, {self.program.input_channels + 1}"
            )
        self.sums_of_bytes(step.weight, "weight")
        self.geometry(step.stride, "stride")
        self.geometry(step.padding, "padding", least=0)
        if step.pool:
            self.pool(step.pool)
        self.map(step.map, channels, "map")
        self.sinks(step.sinks, channels)

    def input(self, step: Input) -> None:
        self.fail("input is for parts; the program runs on images")

    def mean(self, step: Mean) -> None:
        self.one_to_one(step, factor=1)

    def resize(self, step: Upsampling) -> None:
        if step.like is not None:
            self.read(step.like, "like")
            if step.like == step.output:
                self.fail("like and output are one buffer")
        self.geometry(step.factor, "factor")
        self.one_to_one(step, factor=1)

    def interpolate(self, step: Upsampling) -> None:
        self.resize(step)

    def max_pool(self, step: MaxPool) -> None:
        self.pool(step.pool)
        self.one_to_one(step, factor=1)

    def depth_to_space(self, step: DepthToSpace) -> None:
        self.geometry(step.factor, "factor")
        self.one_to_one(step, factor=step.factor)

    def one_to_one(self, step: OneToOne, *, factor: int) -> None:
        """One float buffer to another one, with 1 of so many squared as many channels."""
        self.read(step.input, "input", kind="float")
        self.buffer(step.output, "output", kind="float")
        source, target = (self.program.buffers[b].channels for b in (step.input, step.output))
        if target * factor**2 != source:
            times = f", which are {factor} x {factor} times too many" if factor > 1 else ""
            self.fail(f"output has other channels than the {source} of the input{times}")
        if step.input == step.output:
            self.fail("input and output are one buffer")


class _PartValidator(_Validator):
    """Goes through the steps of a part, which has no image."""

    def step(self, number: int, step: Step) -> None:
        if (number == 0) != isinstance(step, Input):
            self.fail(f"the first step of a part, and no other, is an input; this is a {step.op}")
        super().step(number, step)

    def stem(self, step: Stem) -> None:
        self.fail("a part has no image, and no stem")

    def input(self, step: Input) -> None:
        self.map(step.map, self.program.input_channels, "map")
        self.sinks(step.sinks, self.program.input_channels)

    def resize(self, step: Upsampling) -> None:
        if step.like is None:
            self.fail("like is missing; in a part there is no image whose size could be taken")
        super().resize(step)
