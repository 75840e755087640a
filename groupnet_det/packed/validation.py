"""Checks of a program: all that an engine takes for granted when it reads and writes memory.

docs/reference/packed-format.md lists the limits. What depends on the images' size is checked in
`shapes`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from groupnet_det.errors import PackedFileError, shortened

from .limits import MAX_CHANNELS, MAX_GEOMETRY, MAX_PIXEL, in_range, is_float32
from .program import Program
from .steps.checks import Checks, Seen
from .steps.input_steps import Input
from .steps.parts import BUFFER_KINDS, Buffer

MAX_STEPS = 4096
MAX_BUFFERS = 16384
MAX_PARTS = 64
MAX_BASES = 64  # as many as branches of a step
NAME = 80  # characters of a name that a message repeats


def validate(program: Program, tensors: Mapping[str, Tensor]) -> None:
    """Check that a program and its parts fit themselves, the limits and their tensors.

    Args:
        program: A program that was read or built.
        tensors: Tensors by name, on the CPU.

    Raises:
        PackedFileError: It does not; the message names the part, the step and the member.
    """
    seen = Seen(tensors)
    _validate_whole(program, seen, "")
    _check_numbers(program)
    for number, other in program.fewer_bases.items():
        where = f"{number} bases: "
        if other.fewer_bases or other.num_bases is not None:
            raise PackedFileError(f"{where}it has bases itself, which only the whole program can")
        _validate_whole(other, seen, where)
        if _interface(other) != _interface(program):
            raise PackedFileError(
                f"{where}its input, size_divisor, outputs or parts are not those of all bases"
            )
    unnamed = sorted(set(tensors) - seen.named)
    if unnamed:
        raise PackedFileError(f"no step names the tensors {unnamed[:5]}")


def _validate_whole(program: Program, seen: Seen, where: str) -> None:
    """Validate a program that is given images, and its parts."""
    in_range(program.size_divisor, 1, MAX_GEOMETRY, f"{where}size_divisor")
    in_range(len(program.parts), 0, MAX_PARTS, f"{where}the number of parts")
    _validate_one(program, seen, where, is_part=False)
    for name, part in program.parts.items():
        inside = f"{where}part {name[:NAME]!r}: "
        if part.parts or part.fewer_bases or part.num_bases is not None:
            raise PackedFileError(
                f"{inside}it has parts or bases, which only the whole program can have"
            )
        if part.size_divisor != 1:
            raise PackedFileError(f"{inside}it has a size_divisor, which is for images")
        _validate_one(part, seen, inside, is_part=True)


def _check_numbers(program: Program) -> None:
    """Check the numbers of bases, which are those of JSON's keys too."""
    if program.num_bases is not None:
        in_range(program.num_bases, 1, MAX_BASES, "num_bases")
    valid = [str(number) for number in range(1, program.num_bases or 1)]
    for name in program.fewer_bases:
        if name not in valid:
            raise PackedFileError(
                f"fewer_bases has {shortened(name)}; valid: numbers of 1 to num_bases - 1"
            )


def _interface(program: Program) -> tuple[Any, ...]:
    """What a program is given and gives, with its parts."""
    outputs = {name: program.buffers[i].channels for name, i in program.outputs.items()}
    parts = {name: _interface(part) for name, part in program.parts.items()}
    return program.input_channels, program.size_divisor, outputs, parts


def _validate_one(program: Program, seen: Seen, where: str, *, is_part: bool) -> None:
    in_range(program.input_channels, 1, MAX_CHANNELS, f"{where}input_channels")
    in_range(len(program.buffers), 1, MAX_BUFFERS, f"{where}the number of buffers")
    in_range(len(program.steps), 1, MAX_STEPS, f"{where}the number of steps")
    for number, buffer in enumerate(program.buffers):
        _check_buffer(buffer, f"{where}buffer {number}")
    checks = Checks(program.buffers, program.input_channels, seen, is_part=is_part)
    for number, step in enumerate(program.steps):
        checks.where = f"{where}step {number} ({step.name[:NAME]!r})"
        if is_part and (number == 0) != isinstance(step, Input):
            checks.fail(f"the first step of a part, and no other, is an input; this is a {step.op}")
        step.check(checks)
        checks.write(step.writes())
    checks.where = f"{where}outputs"
    if not program.outputs:
        checks.fail("there is none")
    for name, output in program.outputs.items():
        checks.read(output, f"{name[:NAME]!r}", kind="float")


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
