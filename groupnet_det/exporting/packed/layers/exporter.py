"""Context of exported layers: the program that is built, and the names of the modules."""

from dataclasses import dataclass, field

from torch import nn

from groupnet_det.exporting.packed.builder.program_builder import ProgramBuilder
from groupnet_det.exporting.packed.eight_bits.float_layers import Float32Convs, FloatConvs


@dataclass
class Unpacked:
    """Convolutions that are not computed with bits, with the reason, by name."""

    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, reason: str) -> None:
        self.reasons.setdefault(name, reason)


class Exporter:
    """The context of all functions that append a layer's steps.

    Attributes:
        builder: Gets buffers, tensors and steps.
        float_convs: How convolutions in full precision are computed.
        unpacked: Gets the convolutions without bits.
    """

    def __init__(
        self,
        builder: ProgramBuilder,
        names: dict[int, str],
        float_convs: FloatConvs | None = None,
        unpacked: Unpacked | None = None,
    ) -> None:
        """
        Args:
            names: Path of each module, by its id.
            float_convs: How full-precision convolutions are computed; by default as trained.
        """
        self.builder, self.names = builder, names
        self.float_convs = float_convs or Float32Convs()
        self.unpacked = unpacked or Unpacked()

    def on(self, builder: ProgramBuilder) -> "Exporter":
        """The same for another program."""
        return Exporter(builder, self.names, self.float_convs, self.unpacked)

    def name(self, module: nn.Module) -> str:
        return self.names[id(module)]
