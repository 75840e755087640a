"""Checks of `conv` steps: branches, their terms, residuals and joins. See `validation`."""

import torch
from torch import Tensor

from groupnet_det.packed.program import ONE_PIXEL, Branch, Conv, Join, Term
from groupnet_det.packed.sign_bits import BITS

from .part_checks import MAX_GEOMETRY, PartChecks, in_range

MAX_BRANCHES = 64
MAX_TERMS = 64
MAX_EXACT = 1 << 24  # whole numbers up to this are exact in float32
# What weights are held in, for each kind of input.
WEIGHTS = {"bits": torch.uint8, "float": torch.float32, "bytes": torch.int8}


class ConvChecks(PartChecks):
    """Checks one `conv` step at a time. All raise PackedFileError."""

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

    def overlaps(self, step: Conv) -> None:
        """Nothing may be read by one part of a step after another part has written it."""
        of_all = set(step.writes())
        for k, branch in enumerate(step.branches):
            own = set(branch.writes())
            for t, term in enumerate(branch.terms):
                if term.input in of_all:
                    self.fail(f"branches[{k}].terms[{t}] reads buffer {term.input}, written here")
            if not step.join and branch.residual in of_all - own:
                self.fail(f"branches[{k}] adds buffer {branch.residual}, which another one writes")
            if branch.residual_factor != 1 and branch.residual in of_all:
                self.fail(
                    f"branches[{k}] adds buffer {branch.residual}, written here, with a "
                    f"residual_factor of {branch.residual_factor}; in place it has to be 1"
                )

    def branch(self, branch: Branch, what: str) -> int:
        in_range(len(branch.terms), 1, MAX_TERMS, f"{self.where}: the number of {what}.terms")
        channels = {self.term(term, f"{what}.terms[{t}]") for t, term in enumerate(branch.terms)}
        if branch.residual is not None:
            self.read(branch.residual, f"{what}.residual", kind="float")
            channels.add(self.program.buffers[branch.residual].channels)
        elif branch.residual_factor != 1:
            self.fail(f"{what} has a residual_factor, and no residual")
        where = f"{self.where}: {what}.residual_factor"
        in_range(branch.residual_factor, ONE_PIXEL, MAX_GEOMETRY, where)
        if len(channels) > 1:
            self.fail(f"{what} adds maps of {sorted(channels)} channels")
        (width,) = channels
        self.map(branch.final, width, f"{what}.final")
        return width

    def term(self, term: Term, what: str) -> int:
        self.read(term.input, f"{what}.input")
        source = self.program.buffers[term.input]
        dtype, packed = WEIGHTS[source.kind], BITS if source.kind == "bits" else 1
        weight = self.tensor(term.weight, dtype, (None,) * 4, f"{what}.weight")
        channels = self.weight(weight, f"{what}.weight")
        expected = -(-source.channels // packed)
        if weight.shape[3] != expected:
            self.fail(f"{what}.weight has {weight.shape[3]} in its last size; expected: {expected}")
        if weight[0].numel() * packed >= MAX_EXACT:
            self.fail(f"{what}.weight sums more than 2^24 products")
        if source.kind == "bits":
            self.bits(term, weight, source.channels, what)
        elif term.offset is not None:
            self.fail(f"{what} has an offset, which is for inputs of bits")
        if source.kind == "bytes":
            self.sums_of_bytes(term.weight, f"{what}.weight")
        self.geometry(term.stride, f"{what}.stride")
        self.geometry(term.padding, f"{what}.padding", least=0)
        self.geometry(term.dilation, f"{what}.dilation")
        self.map(term.map, channels, f"{what}.map")
        return channels

    def bits(self, term: Term, weight: Tensor, channels: int, what: str) -> None:
        unused = (0xFF << ((channels - 1) % BITS + 1)) & 0xFF
        if (
            self.seen.packed_inputs.get(term.weight) != channels
            and (weight[..., -1] & unused).any()
        ):
            self.fail(f"{what}.weight has unused bits that are not 0")
        self.seen.packed_inputs[term.weight] = channels
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
