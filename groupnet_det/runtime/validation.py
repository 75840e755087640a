"""Whether a program can run: all that an engine takes for granted when it reads and writes memory.

docs/packed-format.md lists the limits. What depends on the images' size is checked in `shapes`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from groupnet_det.errors import PackedFileError

from .program import (
    BUFFER_KINDS,
    Branch,
    Conv,
    Join,
    Mean,
    Program,
    Stem,
    Term,
)
from .sign_bits import BITS
from .validation_parts import MAX_CHANNELS, PartChecks, in_range

MAX_STEPS = 4096
MAX_BUFFERS = 16384
MAX_BRANCHES = 64
MAX_TERMS = 64
MAX_EXACT = 1 << 24  # whole numbers up to this are exact in float32
MAX_PIXEL = 255


def validate(program: Program, tensors: Mapping[str, Tensor]) -> None:
    """Check that a program fits itself, the limits and its tensors.

    Args:
        program: As read, or as made.
        tensors: By name, on the CPU.

    Raises:
        PackedFileError: It does not; the message names the step and the member.
    """
    in_range(program.input_channels, 1, MAX_CHANNELS, "input_channels")
    in_range(len(program.buffers), 1, MAX_BUFFERS, "the number of buffers")
    in_range(len(program.steps), 1, MAX_STEPS, "the number of steps")
    for number, buffer in enumerate(program.buffers):
        where = f"buffer {number}"
        if buffer.kind not in BUFFER_KINDS:
            raise PackedFileError(f"{where} is of kind {buffer.kind!r}; valid: {BUFFER_KINDS}")
        in_range(buffer.channels, 1, MAX_CHANNELS, f"{where}: channels")
        _check_pad(buffer.kind, buffer.pad, where)
    check = _Validator(program, tensors)
    for number, step in enumerate(program.steps):
        check.where = f"step {number} ({step.name[:80]!r})"
        check.step(step)
    check.where = "outputs"
    check.outputs()


def _check_pad(kind: str, pad: float, where: str) -> None:
    if kind == "bits" and pad not in (0, 1):
        raise PackedFileError(f"{where} of bits has the pad {pad}; valid: 0, 1")
    # Infinity and NaN too are none of JSON's numbers.
    if not torch.tensor(pad, dtype=torch.float32).double().sub(pad).eq(0):
        raise PackedFileError(f"{where} has the pad {pad}, which is no number of float32")


class _Validator(PartChecks):
    """Goes through the steps."""

    def __init__(self, program: Program, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(program, tensors)
        self.packed_inputs: dict[str, int] = {}  # channels that a weight of bits was checked for

    def step(self, step: Stem | Conv | Mean) -> None:
        if isinstance(step, Stem):
            channels = self.stem(step)
            self.sinks(step.sinks, channels)
            self.write(step.sinks.buffers())
        elif isinstance(step, Conv):
            self.conv(step)
        else:
            self.mean(step)

    def outputs(self) -> None:
        if not self.program.outputs:
            self.fail("there is none")
        for name, buffer in self.program.outputs.items():
            self.read(buffer, f"{name[:80]!r}", kind="float")
        unnamed = sorted(set(self.tensors) - self.named)
        if unnamed:
            self.fail(f"no step names the tensors {unnamed[:5]}")

    def stem(self, step: Stem) -> int:
        weight = self.tensor(step.weight, torch.int16, (None, None, None, None), "weight")
        channels = self.weight(weight, "weight")
        if weight.shape[3] != self.program.input_channels + 1:
            self.fail(
                f"weight has {weight.shape[3]} input channels; expected are those of the image and "
                f"one more, {self.program.input_channels + 1}"
            )
        sums = weight.to(torch.int64).abs().sum((1, 2, 3)) * MAX_PIXEL
        if int(sums.max()) >= 1 << 31:
            self.fail("sums of the weights times pixels can overflow 32 bits")
        self.geometry(step.stride, "stride")
        self.geometry(step.padding, "padding", least=0)
        if step.pool:
            self.geometry(step.pool.kernel, "pool.kernel")
            self.geometry(step.pool.stride, "pool.stride")
            # More, and a position would see nothing of the map.
            in_range(step.pool.padding, 0, step.pool.kernel - 1, f"{self.where}: pool.padding")
        self.map(step.map, channels, "map")
        return channels

    def mean(self, step: Mean) -> None:
        self.read(step.input, "input", kind="float")
        self.buffer(step.output, "output", kind="float")
        channels = self.program.buffers[step.input].channels
        if self.program.buffers[step.output].channels != channels:
            self.fail(f"output has other channels than the {channels} of the input")
        if step.input == step.output:
            self.fail("input and output are one buffer")
        self.write([step.output])

    def conv(self, step: Conv) -> None:
        in_range(len(step.branches), 1, MAX_BRANCHES, f"{self.where}: the number of branches")
        channels = {self.branch(branch, f"branches[{k}]") for k, branch in enumerate(step.branches)}
        if len(channels) > 1:
            self.fail(f"branches give maps of {sorted(channels)} channels, not all the same")
        (width,) = channels
        if step.join:
            self.join(step.join, len(step.branches), width)
        for sinks in step.sinks():
            self.sinks(sinks, width)
        for k, branch in enumerate(step.branches):
            if (branch.sinks is not None) == (step.join is not None):
                self.fail(f"branches[{k}] must have sinks where there is no join, and only there")
        self.overlaps(step)
        self.write([buffer for sinks in step.sinks() for buffer in sinks.buffers()])

    def overlaps(self, step: Conv) -> None:
        """Nothing may be read by one part of a step after another part has written it."""
        of_all = {buffer for sinks in step.sinks() for buffer in sinks.buffers()}
        for k, branch in enumerate(step.branches):
            own = set(branch.sinks.buffers()) if branch.sinks else set()
            for t, term in enumerate(branch.terms):
                if term.input in of_all:
                    self.fail(f"branches[{k}].terms[{t}] reads buffer {term.input}, written here")
            if not step.join and branch.residual in of_all - own:
                self.fail(f"branches[{k}] adds buffer {branch.residual}, which another one writes")

    def branch(self, branch: Branch, what: str) -> int:
        in_range(len(branch.terms), 1, MAX_TERMS, f"{self.where}: the number of {what}.terms")
        channels = {self.term(term, f"{what}.terms[{t}]") for t, term in enumerate(branch.terms)}
        if branch.residual is not None:
            self.read(branch.residual, f"{what}.residual", kind="float")
            channels.add(self.program.buffers[branch.residual].channels)
        if len(channels) > 1:
            self.fail(f"{what} adds maps of {sorted(channels)} channels")
        (width,) = channels
        self.map(branch.final, width, f"{what}.final")
        return width

    def term(self, term: Term, what: str) -> int:
        self.read(term.input, f"{what}.input")
        source = self.program.buffers[term.input]
        is_bits = source.kind == "bits"
        dtype = torch.uint8 if is_bits else torch.float32
        weight = self.tensor(term.weight, dtype, (None,) * 4, f"{what}.weight")
        channels = self.weight(weight, f"{what}.weight")
        expected = -(-source.channels // BITS) if is_bits else source.channels
        if weight.shape[3] != expected:
            self.fail(f"{what}.weight has {weight.shape[3]} in its last size; expected: {expected}")
        if weight[0].numel() * (BITS if is_bits else 1) >= MAX_EXACT:
            self.fail(f"{what}.weight sums more than 2^24 products")
        if is_bits:
            self.bits(term, weight, source.channels, what)
        elif term.offset is not None:
            self.fail(f"{what} has an offset, which is for inputs of bits")
        self.geometry(term.stride, f"{what}.stride")
        self.geometry(term.padding, f"{what}.padding", least=0)
        self.geometry(term.dilation, f"{what}.dilation")
        self.map(term.map, channels, f"{what}.map")
        return channels

    def bits(self, term: Term, weight: Tensor, channels: int, what: str) -> None:
        unused = (0xFF << ((channels - 1) % BITS + 1)) & 0xFF
        if self.packed_inputs.get(term.weight) != channels and (weight[..., -1] & unused).any():
            self.fail(f"{what}.weight has unused bits that are not 0")
        self.packed_inputs[term.weight] = channels
        products = weight.shape[1] * weight.shape[2] * channels
        offset = torch.tensor([products])
        if term.offset is not None:
            offset = self.tensor(term.offset, torch.int32, (len(weight),), f"{what}.offset").long()
        if int(offset.max()) > MAX_EXACT or int(offset.min()) - 2 * products < -MAX_EXACT:
            self.fail(f"{what} has sums beyond 2^24, which float32 does not hold exactly")

    def join(self, join: Join, branches: int, channels: int) -> None:
        if join.scales is not None:
            self.tensor(join.scales, torch.float32, (branches,), "join.scales")
        if join.gate is not None:
            self.tensor(join.gate, torch.float32, (2,), "join.gate")
        if len(join.branches) not in (0, branches):
            self.fail(f"join.branches are {len(join.branches)}; expected: 0 or {branches}")
