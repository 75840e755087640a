"""Bytes of a packed file's parts, and of what it stands for."""

from dataclasses import dataclass

from torch import nn

from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.packed.steps.conv import Conv


@dataclass(frozen=True, kw_only=True)
class BinaryWeights:
    """All weights of one bit.

    Attributes:
        number: Number of weights.
        num_bytes: Bytes of the tensors that hold them.
    """

    number: int
    num_bytes: int

    @property
    def bits_each(self) -> float:
        """1, but for channels that fill no byte."""
        return 8 * self.num_bytes / self.number if self.number else 0.0


def binary_weights(packed: PackedFile) -> BinaryWeights:
    """Count the weights of one bit; a tensor that several convolutions share counts once."""
    channels: dict[str, int] = {}
    for program in (packed.program, *packed.program.parts.values()):
        for step in program.steps:
            for branch in step.branches if isinstance(step, Conv) else ():
                for term in branch.terms:
                    if program.buffers[term.input].kind == "bits":
                        channels[term.weight] = program.buffers[term.input].channels
    tensors = {name: packed.tensors[name] for name in channels}
    number = sum(t.shape[:3].numel() * channels[name] for name, t in tensors.items())
    return BinaryWeights(number=number, num_bytes=sum(t.numel() for t in tensors.values()))


def float32_bytes(model: nn.Module) -> int:
    """Bytes of the parameters and statistics of `model` in a checkpoint of float32."""
    return sum(4 * t.numel() for t in model.state_dict().values() if t.is_floating_point())
