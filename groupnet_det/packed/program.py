"""Programs of packed files, as values: buffers, and steps that go from some to others.

docs/reference/packed-format.md defines what each member means; `program_json` converts to JSON and
back. Tensors are named here; the file holds them.
"""

import typing
from dataclasses import dataclass, field

from .steps.conv import Conv
from .steps.float_maps import AnyFloatStep
from .steps.input_steps import Input, Stem
from .steps.parts import Buffer

Step = Stem | Input | Conv | AnyFloatStep
STEPS: dict[str, type] = {step.op: step for step in typing.get_args(Step)}


@dataclass(frozen=True, kw_only=True)
class Program:
    """The whole network, or a part that runs on regions of its maps.

    Attributes:
        input_channels: Channels of the image, or of the map that a part is given.
        outputs: Number of a float buffer by name.
        size_divisor: Height and width of the image are rounded up to multiples of it; the rest is
            as the stem's padding.
        parts: Programs of their own, by name, such as ``box`` for the head that sees regions.
    """

    input_channels: int
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, int]
    size_divisor: int = 1
    parts: dict[str, "Program"] = field(default_factory=dict)
